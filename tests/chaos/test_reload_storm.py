# SPDX-License-Identifier: BSD-2-Clause
# Runs: alone
"""Reloads while clients are served: nothing fails, nothing is lost, nothing leaks."""

import os
import signal
import time
import unittest

from support import processes
from support.client import build_request
from support.harness import SluiceTest
from support.load import Load, Wrk
from support.waiting import wait_for

SITE = """
http {
    access_log off;
    server { listen %%LISTEN%%; root %%DIR%%/www; location = /v { return 200 "generation N"; } }
    %%MORE%%
}"""
BIG = 300 << 20


def site(listen="%%PORT%%", more="", name="1"):
    return SITE.replace("%%LISTEN%%", listen).replace("%%MORE%%", more).replace(" N\"", f" {name}\"")


class ReloadStorm(SluiceTest):
    def start(self, **options):
        server = self.serve(site(), workers=2, files={"www/index.html": "x" * 612}, **options)
        self.assertEqual(server.get("/").status, 200)
        return server

    def test_fifty_reloads_under_wrk_with_ports_coming_going_and_swapped(self):
        server = self.start()
        with open(server.dir / "www/big.bin", "wb") as file:
            file.truncate(BIG)
        idle = [server.connect(timeout=60) for _ in range(20)]
        for connection in idle:
            self.assertEqual(connection.get("/").status, 200)
        download = server.connect(timeout=120)
        download.send(build_request("/big.bin"))
        self.assertEqual(download.read_head().status, 200)
        received = len(download.read_exactly(1 << 16))
        wrk = Wrk(server.port, seconds=12, connections=64)

        forms = [site("%%PORT%%", "server { listen %%PORT2%%; }"), site("127.0.0.1:%%PORT%%"),
                 site("%%PORT%%"), site("%%PORT%%", "server { listen %%PORT3%%; }")]
        for turn in range(50):
            server.configure(forms[turn % len(forms)].replace("generation 1", f"generation {turn}"))
            server.signal(signal.SIGHUP)
            received += len(download.read_exactly(1 << 20))
            time.sleep(0.2)  # the pace of the storm, not a synchronisation
        wrk.wait()

        self.assertGreater(wrk.requests, 1000, wrk.text)
        self.assertEqual((wrk.socket_errors, wrk.non_2xx), (0, 0), wrk.text)
        for connection in idle:
            self.assertEqual(connection.get("/").status, 200)
            connection.close()
        while received < BIG:
            received += len(download.read_exactly(min(1 << 20, BIG - received)))
        download.close()
        self.assertEqual(len(server.workers()), 2)

    def test_every_client_gets_every_reply_during_reloads(self):
        server = self.start()
        with Load(server.port, connections=64) as kept, \
                Load(server.port, connections=8, keep_alive=False) as fresh:
            for turn in range(30):
                server.configure(site(name=str(turn)))
                self.assertEqual(server.reload().returncode, 0, server.report())
                self.assertEqual(server.get("/v").text, f"generation {turn}")
        self.assertEqual(kept.failures + fresh.failures, [])
        self.assertGreater(kept.requests, 100)

    def test_in_place_reloads_close_no_connection(self):
        server = self.start()
        with Load(server.port, connections=16) as load:
            for turn in range(10):
                server.configure(site(name=str(turn)))
                self.assertEqual(server.reload().returncode, 0)
            reconnects = load.reconnects
        self.assertEqual((load.failures, reconnects), ([], 0))

    def test_a_hundred_reloads_leave_the_same_descriptors(self):
        server = self.start()
        for turn in range(3):
            server.reload()
        pids = [server.pid, server.logger(), *server.workers()]  # no canary that is ending
        before = {pid: server.fd_count(pid) for pid in pids}

        for turn in range(100):
            more = "server { listen %%PORT2%%; }" if turn % 2 else ""
            server.configure(site(name=str(turn), more=more))
            self.assertEqual(server.reload().returncode, 0, server.report())
        server.configure(site())
        server.reload()

        wait_for(lambda: sorted(server.family()) == sorted(pids), what="the last canary to be gone")
        wait_for(lambda: all(server.fd_count(pid) <= count for pid, count in before.items()),
                 what=f"no more descriptors than before: {before}")

    def test_a_port_that_leaves_resets_no_client(self):
        server = self.serve(site("%%PORT%%", "server { listen %%PORT2%%; root %%DIR%%/www; }"),
                            workers=2, files={"www/index.html": "x"})
        second = server.port_number(2)
        kept = server.connect(second)
        self.assertEqual(kept.get("/").status, 200)

        with Load(server.port, connections=4) as load:
            server.configure(site())
            self.assertEqual(server.reload().returncode, 0)
            self.assertEqual(kept.get("/").status, 200)  # an old connection is served on
            wait_for(lambda: self.is_refused(server, second), what="the port to be closed")
        self.assertEqual(load.failures, [])
        self.assertEqual(kept.get("/").status, 200)
        kept.close()

    def is_refused(self, server, port):
        try:
            server.connect(port, timeout=0.5).close()
        except OSError:
            return True
        return False

    def test_many_hups_at_once_end_on_the_last_configuration(self):
        server = self.start()
        for turn in range(20):
            server.configure(site(name=str(turn)))
            server.signal(signal.SIGHUP)
        wait_for(lambda: all(server.get("/v").text == "generation 19" for _ in range(8)),
                 what="the last configuration everywhere")


class WorkerCount(SluiceTest):
    def test_one_to_three_and_back_under_load(self):
        conf = "worker_processes COUNT;" + site()
        server = self.serve(conf.replace("COUNT", "1"), workers=1, files={"www/index.html": "x" * 612})
        first = server.workers()
        stayer = server.connect()
        self.assertEqual(stayer.get("/").status, 200)

        wrk = Wrk(server.port, seconds=8, connections=64)
        with Load(server.port, connections=16) as kept, \
                Load(server.port, connections=4, keep_alive=False) as fresh:
            for count in (3, 1, 3, 1, 3):
                server.configure(conf.replace("COUNT", str(count)))
                self.assertEqual(server.reload().returncode, 0, server.report())
                wait_for(lambda: len(self.serving(server)) == count, what=f"{count} workers")
        wrk.wait()

        self.assertEqual(kept.failures + fresh.failures, [])
        self.assertEqual((wrk.socket_errors, wrk.non_2xx), (0, 0), wrk.text)
        self.assertIn(first[0], server.workers())
        self.assertEqual(stayer.get("/").status, 200)
        stayer.close()

    def serving(self, server):
        return [pid for pid in server.workers() if "shutting" not in processes.title_of(pid)]

    def test_an_idle_connection_of_a_retiring_worker_answers_its_next_request(self):
        conf = "worker_processes COUNT;" + site()
        server = self.serve(conf.replace("COUNT", "3"), workers=3, files={"www/index.html": "x"})
        # Each worker in turn is the only one that runs, so that each gets its share.
        idle = []
        for lucky in server.workers():
            others = [pid for pid in server.workers() if pid != lucky]
            for pid in others:
                processes.stop(pid)
            for _ in range(20):
                idle.append(server.connect())
                self.assertEqual(idle[-1].get("/").status, 200)
            for pid in others:
                os.kill(pid, signal.SIGCONT)

        server.configure(conf.replace("COUNT", "1"))
        self.assertEqual(server.reload().returncode, 0)
        wait_for(lambda: len(self.serving(server)) == 1, what="two workers to retire")

        closing = 0
        for connection in idle:
            reply = connection.get("/")
            self.assertEqual(reply.status, 200)
            closing += reply.header("Connection") == "close"
            connection.close()
        self.assertGreater(closing, 0)
        wait_for(lambda: len(server.workers()) == 1, what="retired workers to end")


if __name__ == "__main__":
    unittest.main()
