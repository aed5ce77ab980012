# SPDX-License-Identifier: BSD-2-Clause
# Runs: alone
"""Descriptors, connections, disks and readers that run out or stall."""

import os
import signal
import threading
import time
import unittest

from support.client import build_request
from support.harness import SluiceTest
from support.waiting import wait_for


class Descriptors(SluiceTest):
    def test_no_spin_and_recovery_when_descriptors_run_out(self):
        server = self.serve("""
            worker_rlimit_nofile 64;
            events { worker_connections 1000; }
            http { access_log off; server { listen %%PORT%%; root %%DIR%%/www; } }""",
            files={"www/index.html": "x"})
        from support import processes
        worker = server.workers()[0]
        held = [server.connect() for _ in range(200)]
        for connection in held[:30]:
            connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n")  # half a request: not idle
        used = processes.cpu_seconds(worker)
        time.sleep(1)  # what is measured: CPU use while the worker cannot accept
        self.assertLess(processes.cpu_seconds(worker) - used, 0.5)
        for connection in held:
            connection.close()
        wait_for(lambda: self.answers(server), what="an answer")
        self.assertEqual(server.workers(), [worker])

    def answers(self, server):
        try:
            return server.get("/").status == 200
        except Exception:  # pylint: disable=broad-except
            return False

    def test_idle_connections_make_room_for_new_ones(self):
        server = self.serve("""
            events { worker_connections 32; }
            http { access_log off; server { listen %%PORT%%; root %%DIR%%/www; } }""",
            files={"www/index.html": "x"})
        held = []
        for _ in range(100):
            connection = server.connect()
            self.assertEqual(connection.get("/").status, 200)
            held.append(connection)
        for connection in held:
            connection.close()


class SlowPeers(SluiceTest):
    def test_a_client_that_never_reads_is_cut_and_costs_nobody(self):
        server = self.serve("""
            http { access_log off; send_timeout 1s;
                   server { listen %%PORT%%; root %%DIR%%/www; } }""",
            files={"www/index.html": "x", "www/big.bin": b"x" * (32 << 20)})
        silent = [server.connect(timeout=20) for _ in range(10)]
        for connection in silent:
            connection.send(build_request("/big.bin"))
        for _ in range(50):
            self.assertEqual(server.get("/").status, 200)
        from support import processes
        worker = server.workers()[0]
        wait_for(lambda: processes.fd_count(worker) < 30, what="the silent clients to be cut")
        for connection in silent:
            connection.close()

    def test_a_header_that_trickles_is_cut_by_total_time(self):
        server = self.serve("""
            http { access_log off; client_header_timeout 1s;
                   server { listen %%PORT%%; root %%DIR%%/www; } }""",
            files={"www/index.html": "x"})
        with server.connect(timeout=20) as connection:
            connection.send(b"GET / HTTP/1.1\r\n")
            stop = threading.Event()

            def trickle():
                for i in range(150):
                    if stop.is_set():
                        return
                    try:
                        connection.send(f"X-{i}: y\r\n".encode())
                    except OSError:
                        return
                    time.sleep(0.1)  # the pace of the attack

            thread = threading.Thread(target=trickle)
            thread.start()
            started = time.monotonic()
            try:
                connection.read_to_end()
            except OSError:
                pass
            stop.set()
            thread.join()
            self.assertLess(time.monotonic() - started, 10)  # 15 s of bytes, and no end of them


class Logs(SluiceTest):
    def test_a_blocked_pipe_delays_nobody_and_drops_are_counted(self):
        read_end, write_end = os.pipe()
        server = self.serve("""
            http { keepalive_requests 100000; access_log /dev/stdout; server { listen %%PORT%%; root %%DIR%%/www; } }""",
            files={"www/index.html": "x"}, start=False)
        import subprocess
        with open(server.stderr_file, "ab") as stderr:
            server.process = subprocess.Popen(server.command(), env=server.env, stdout=write_end,
                                              stderr=stderr, stdin=subprocess.DEVNULL)
        os.close(write_end)
        wait_for(server._is_up, what="the server to start")
        target = "/?" + "y" * 900
        with server.connect() as connection:
            for _ in range(900):
                self.assertEqual(connection.get(target).status, 200)
            slowest = 0
            for _ in range(6000):
                started = time.monotonic()
                self.assertEqual(connection.get(target).status, 200)
                slowest = max(slowest, time.monotonic() - started)
        self.assertLess(slowest, 5.0)  # who waits for the pipe waits until the client gives up
        server.allowed_words.append("some log lines could not be written")
        server.wait_logged("dropped")
        drained = threading.Thread(target=self.drain, args=(read_end,))
        drained.start()
        server.stop()
        drained.join(10)
        server.process = None

    def drain(self, descriptor):
        while os.read(descriptor, 1 << 16):
            pass
        os.close(descriptor)

    def test_a_full_disk_is_survived_and_recovers(self):
        server = self.serve("""
            http { keepalive_requests 100000; access_log /dev/full; server { listen %%PORT%%; root %%DIR%%/www; } }""",
            files={"www/index.html": "x"})
        with server.connect() as connection:
            for _ in range(2000):
                self.assertEqual(connection.get("/").status, 200)
        server.allowed_words += ["No space left", "some log lines could not be written"]
        server.wait_logged("28: No space left on device")
        server.stop()
        self.assertLess(server.error_log().count("No space left"), 20)

    def test_usr1_reopens_without_losing_a_line(self):
        server = self.serve("""
            http { access_log %%DIR%%/logs/access.log;
                   server { listen %%PORT%%; root %%DIR%%/www; } }""",
            files={"www/index.html": "x"})
        log = server.access_log_file
        for turn in range(10):
            for i in range(20):
                server.get(f"/?n-{turn}-{i}-")
            os.rename(log, f"{log}.{turn}")
            server.signal(signal.SIGUSR1)
            wait_for(log.exists, what="the new log file")
        text = ""

        def everything():
            nonlocal text
            text = "".join(path.read_text() for path in server.dir.glob("logs/access.log*"))
            return all(f"n-{t}-{i}-" in text for t in range(10) for i in range(20))

        wait_for(everything, what="every line in one of the files")
        self.assertEqual(text.count("n-"), 200)


if __name__ == "__main__":
    unittest.main()
