# SPDX-License-Identifier: BSD-2-Clause
# Runs: alone
"""Processes that die, hang or refuse while the server runs: one consistent generation everywhere."""

import os
import signal
import socket
import statistics
import time
import unittest

from support import processes
from support.client import Closed
from support.harness import SluiceTest
from support.load import Load
from support.waiting import wait_for

SITE = """
http {
    access_log %%DIR%%/logs/access.log;
    server { listen %%PORT%%; root %%DIR%%/www; location = /v { return 200 "generation 1"; } }
}"""


def site(name):
    return SITE.replace("generation 1", f"generation {name}")


class Deaths(SluiceTest):
    def start(self, workers=2, **options):
        return self.serve(site(1), workers=workers, files={"www/index.html": "x" * 612}, **options)

    def everywhere(self, server, name):
        """Whether every one of many new connections is answered by that generation."""
        wanted = f"generation {name}"
        try:
            return all(server.get("/v").text == wanted for _ in range(12))
        except Exception:  # pylint: disable=broad-except
            return False

    def test_killed_workers_cost_only_their_connections(self):
        server = self.start()
        server.allowed_words.append("signal 9")
        gaps = []
        with Load(server.port, connections=16) as load:
            for _ in range(20):
                time.sleep(0.55)  # so that the oldest has lived a second: no early death
                victim = min(server.workers(), key=processes.start_time)
                os.kill(victim, signal.SIGKILL)
                started = time.monotonic()
                wait_for(lambda: self.answers(server), what="the next answer")
                gaps.append(time.monotonic() - started)
                wait_for(lambda: victim not in server.workers() and len(server.workers()) == 2,
                         what="the respawn")
        # A death costs at most the connections that its worker held, and no new one.
        self.assertEqual([line for line in load.failures if line.startswith("connect")], [])
        self.assertLessEqual(len(load.failures), 20 * 16)
        print(f"killed workers: the next answer after {statistics.median(gaps) * 1000:.1f} ms (median),"
              f" at most {max(gaps) * 1000:.1f} ms")
        # A pause before the respawn, or a listener that went with the worker, costs seconds.
        self.assertLess(statistics.median(gaps), 0.5, gaps)
        server.wait_logged("exited on signal 9", times=20)
        server.stop()
        self.assertEqual(server.error_log().count("exited on signal 9"), 20, "one line per death")

    def answers(self, server):
        try:
            return server.get("/").status == 200
        except Exception:  # pylint: disable=broad-except
            return False

    def test_the_only_worker_is_replaced_at_once(self):
        server = self.start(workers=1)
        server.allowed_words.append("signal 9")
        os.kill(server.workers()[0], signal.SIGKILL)
        self.assertEqual(server.get("/").status, 200)  # waits in the listener's queue meanwhile

    def test_a_worker_killed_in_the_middle_of_a_reload(self):
        server = self.start()
        server.allowed_words.append("signal 9")
        for turn in range(10):
            server.configure(site(f"k{turn}"))
            server.signal(signal.SIGHUP)
            time.sleep(0.002 * turn)  # another moment of the reload each time
            os.kill(server.workers()[0], signal.SIGKILL)
            wait_for(lambda: self.everywhere(server, f"k{turn}") or self.retry(server, turn),
                     what="one generation everywhere")
            wait_for(lambda: len(server.workers()) == 2, what="both workers")

    def retry(self, server, turn):
        """A death before the decision may roll the reload back; a later one must succeed."""
        server.reload()
        return self.everywhere(server, f"k{turn}")

    def test_reloads_during_a_respawn(self):
        server = self.start()
        server.allowed_words.append("signal 9")
        for turn in range(10):
            server.configure(site(f"r{turn}"))
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)
            outcome = server.reload()
            self.assertEqual(outcome.returncode, 0, outcome.stderr + server.report())
            wait_for(lambda: self.everywhere(server, f"r{turn}"), what="one generation everywhere")

    def test_the_logger_killed_loses_no_line(self):
        server = self.start(workers=1)
        server.allowed_words.append("signal 9")
        for turn in range(5):
            for i in range(20):
                server.get(f"/?line-{turn}-{i}-")
            os.kill(wait_for(server.logger, what="a logger"), signal.SIGKILL)
        for i in range(20):
            server.get(f"/?last-{i}-")

        def missing():
            text = server.access_log()
            wanted = [f"line-{t}-{i}-" for t in range(5) for i in range(20)]
            wanted += [f"last-{i}-" for i in range(20)]
            return [line for line in wanted if line not in text]

        wait_for(lambda: not missing(), what="every access line")

    def test_lines_of_a_killed_worker_are_written(self):
        server = self.start(workers=1)
        server.allowed_words.append("signal 9")
        with server.connect() as connection:
            for i in range(50):
                connection.get(f"/?kept-{i}-")
            os.kill(server.workers()[0], signal.SIGKILL)
        wait_for(lambda: all(f"kept-{i}-" in server.access_log() for i in range(50)),
                 what="the lines of the dead worker")

    def test_a_worker_that_is_told_to_stop_is_replaced_without_alert(self):
        server = self.start(workers=1)
        victim = server.workers()[0]
        os.kill(victim, signal.SIGTERM)
        wait_for(lambda: server.workers() and victim not in server.workers(), what="a new worker")
        self.assertEqual(server.get("/").status, 200)

    def test_the_master_killed_lets_workers_finish_and_frees_the_address(self):
        server = self.start(workers=2)
        server.allowed_words.append("the master has gone")
        kept = server.connect()
        self.assertEqual(kept.get("/").status, 200)
        workers = server.workers()
        logger = server.logger()
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
        wait_for(lambda: self.is_free(server), what="the address to be free")
        reply = kept.get("/")
        self.assertEqual((reply.status, reply.header("Connection")), (200, "close"))
        kept.close()
        wait_for(lambda: not any(processes.is_alive(pid) for pid in workers + [logger]),
                 what="the orphans to end")
        server.process = None

    def is_free(self, server):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", server.port))
                probe.listen(1)
            except OSError:
                return False
            return True


class Faults(SluiceTest):
    """Misbehaviour on order, through the fault switch."""

    def faulty(self, fault):
        server = self.serve(site(1), workers=2, files={"www/index.html": "x"},
                            env={"SLUICE_FAULT": fault})
        server.allowed_words += ["canary", "bug at", "no answer to", "signal 6", "signal 9"]
        return server

    def test_a_canary_that_crashes_refuses_the_reload(self):
        server = self.faulty("canary-crash")
        server.configure(site(2))
        outcome = server.reload()
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("canary", outcome.stderr)
        self.assertEqual(server.get("/v").text, "generation 1")

    def test_a_canary_that_hangs_refuses_the_reload_in_time(self):
        server = self.faulty("canary-hang")
        server.configure(site(2))
        outcome = server.reload(timeout=40)
        self.assertNotEqual(outcome.returncode, 0)
        self.assertEqual(server.get("/v").text, "generation 1")
        server.signal(signal.SIGHUP)  # and a stop is not held up by the next one

    def test_workers_silent_at_prepare_abort_the_reload(self):
        server = self.faulty("prepare-silent")
        server.configure(site(2))
        outcome = server.reload(timeout=40)
        self.assertNotEqual(outcome.returncode, 0)
        self.assertEqual(server.get("/v").text, "generation 1")

    def test_workers_silent_at_commit_are_replaced(self):
        server = self.faulty("commit-silent")
        before = server.workers()
        server.configure(site(2))
        self.assertEqual(server.reload(timeout=40).returncode, 0)
        wait_for(lambda: not set(server.workers()) & set(before), what="new workers")
        wait_for(lambda: self.text(server) == "generation 2", what="the new generation")

    def text(self, server):
        try:
            return server.get("/v").text
        except (Closed, OSError):
            return ""  # of a worker that was being replaced


class BadReloads(SluiceTest):
    def start(self):
        return self.serve(site(1), workers=2, files={"www/index.html": "x"})

    def refused(self, server, conf, *words):
        # While the second worker is born the master holds both ends of its channel.
        wait_for(lambda: len(server.workers()) == 2, what="both workers")
        self.assertEqual(server.get("/v").text, "generation 1")
        descriptors = server.fd_count()
        server.configure(conf)
        outcome = server.reload()
        self.assertNotEqual(outcome.returncode, 0)
        server.signal(signal.SIGHUP)
        for word in words:
            self.assertIn(word, outcome.stderr)
            server.wait_logged(word)
        self.assertEqual(server.get("/v").text, "generation 1")
        wait_for(lambda: server.fd_count() <= descriptors, what="no descriptor to be left over")
        server.allowed_words += ["[emerg]"]

    def test_a_broken_configuration(self):
        server = self.start()
        self.refused(server, "http { server { listen %%PORT%%; rooot /x; } }", "unknown directive",
                     "sluice.conf:2")

    def test_a_missing_include(self):
        server = self.start()
        self.refused(server, "http { include nowhere.conf; }", "nowhere.conf", "sluice.conf:2")

    def test_a_port_in_use(self):
        server = self.start()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            self.refused(server, site(2).replace(
                "listen %%PORT%%;", f"listen %%PORT%%; listen %%PORT2%%; listen 127.0.0.1:{port};"),
                "bind()", str(port))
        # Nothing half-applied: the other new port is not open either.
        with self.assertRaises(OSError):
            server.connect(server.port_number(2), timeout=1)

    def test_a_log_that_cannot_be_opened(self):
        server = self.start()
        self.refused(server, site(2).replace("access_log %%DIR%%/logs/access.log",
                                             "access_log %%DIR%%/nowhere/access.log"), "nowhere")


if __name__ == "__main__":
    unittest.main()
