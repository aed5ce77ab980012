# SPDX-License-Identifier: BSD-2-Clause
"""What each signal does to a running server."""

import fcntl
import os
import pty
import re
import resource
import signal
import struct
import termios
import unittest

from support import processes
from support import realtime
from support.client import Closed, build_request
from support.harness import SluiceTest
from support.waiting import holds_for, is_free, wait_for

CONF = """
http { access_log %%DIR%%/logs/access.log;
       server { listen %%PORT%%; root %%DIR%%/www; location = /v { return 200 VERSION; } } }"""
BIG = os.urandom(1 << 16) * 256


def version(number):
    return CONF.replace("VERSION", f"version{number}")


QUIET = """
error_log %%DIR%%/logs/error.log error;
http { server { listen %%PORT%%; root %%DIR%%/www; location / { index nothing.html; } } }"""


class LiveOrders(SluiceTest):
    """SIGRTMIN and the two behind it, by `-s` and by sigqueue."""

    def start(self, conf=None, workers=1, **options):
        return self.serve(conf or version(1), workers=workers, **options)

    def assert_order(self, server, word, answer):
        result = server.run("-s", word)
        self.assertEqual((result.returncode, result.stderr), (0, f"sluice: {answer}\n"))

    # --- workers

    def test_workers_come_and_go_until_a_reload(self):
        server = self.start(workers=2)
        first = server.workers()

        self.assert_order(server, "workers=5", "5 worker processes serve")
        wait_for(lambda: len(server.workers()) == 5, what="five workers")
        self.assert_order(server, "workers=1", "1 worker processes serve")
        wait_for(lambda: server.workers() == first[:1], what="four workers to leave")
        self.assertEqual(server.get("/v").body, b"version1")
        self.assertEqual(server.reload().returncode, 0)
        wait_for(lambda: len(server.workers()) == 2, what="the configured number")

    def test_a_dead_worker_is_replaced_up_to_the_new_number(self):
        server = self.start()
        server.allowed_words = ["exited on signal 9"]
        self.assert_order(server, "workers=3", "3 worker processes serve")
        before = wait_for(lambda: len(found := server.workers()) == 3 and found, what="three workers")

        server.kill_worker(before[2])

    def test_a_burst_of_a_thousand_is_obeyed_in_order(self):
        server = self.start()
        counts = [1 + (i * 7) % 4 for i in range(999)] + [3]
        for count in counts:
            realtime.queue(server.pid, realtime.WORKERS, count)

        def obeyed():
            return [int(n) for n in re.findall(r"payload (-?\d+)\) received", server.error_log())]
        wait_for(lambda: len(obeyed()) >= 1000, what="every order")
        self.assertEqual(obeyed(), counts)
        wait_for(lambda: len(server.workers()) == 3, what="what the last one asked for")
        self.assertEqual(server.get("/v").body, b"version1")

    def test_reuseport_groups_follow_the_number(self):
        server = self.start(version(1).replace("listen %%PORT%%;",
                                               "listen 127.0.0.1:%%PORT%% reuseport;"))
        for count in (4, 2):
            self.assert_order(server, f"workers={count}", f"{count} worker processes serve")
            for _ in range(40):
                self.assertEqual(server.get("/v").body, b"version1")

    # --- log level

    def misses(self, server, name):
        """Asks for what is not there: one line at level info."""
        server.get(f"/{name}/")
        return f'"/{name}/"'

    def test_log_level_changes_everywhere_until_a_reload(self):
        server = self.start(QUIET, files={"www/x": "x"})
        server.allowed_words = ["exited on signal 9"]
        hidden = [self.misses(server, "first")]
        self.assert_order(server, "loglevel=debug", "log level debug")
        server.wait_logged(self.misses(server, "second"))
        server.kill_worker()
        server.wait_logged(self.misses(server, "third"))
        self.assertEqual(server.reload().returncode, 0)
        hidden.append(self.misses(server, "fourth"))
        self.assert_order(server, "loglevel=info", "log level info")
        server.wait_logged(self.misses(server, "fifth"))
        server.stop()

        for line in hidden:
            self.assertNotIn(line, server.error_log())

    # --- statistics

    def test_statistics_are_shown_at_any_level(self):
        server = self.start(QUIET, workers=2, files={"www/x": "x"})
        for _ in range(3):
            server.get("/x")
        self.assert_order(server, "stats", "the statistics are in the error log")

        def shows(text):
            server.wait_logged(re.compile(text))
        shows(rf"statistics: master {server.pid}, generation 1, 2 of 2 worker processes")
        for pid in server.workers():
            shows(rf"statistics: worker process {pid} serving, index \d, slot \d+, generation 1")
        shows(rf"statistics: logger process {server.logger()}")
        shows(r"statistics: sluice_http_requests_total 3\n")
        shows(r"statistics: server \S+: 3 requests")

    # --- what is refused

    def test_bad_words_are_refused_before_anything_is_sent(self):
        server = self.start()
        for word, expected in (("workers=0", "a number from 1 to 1024"),
                               ("workers=x", "a number from 1 to 1024"),
                               ("workers", "a number from 1 to 1024"),
                               ("loglevel=loud", "debug"), ("stats=1", "invalid option"),
                               ("reload=1", "invalid option"), ("nonsense", "invalid option")):
            result = server.run("-s", word)
            self.assertEqual(result.returncode, 1, word)
            self.assertIn(f'"-s {word}"', result.stderr)
            self.assertIn(expected, result.stderr)
        self.assert_order(server, "loglevel=debug", "log level debug")
        text = server.wait_logged("received from")
        self.assertEqual(text.count("received from"), 1)

    def test_bad_payloads_are_refused_with_a_line(self):
        server = self.start()
        for number, payload, text in (
                (realtime.WORKERS, 0, "0 worker processes refused: 1 to"),
                (realtime.WORKERS, -3, "-3 worker processes refused"),
                (realtime.WORKERS, 100_000, "100000 worker processes refused"),
                (realtime.LOG_LEVEL, 8, "log level 8 refused"),
                (realtime.LOG_LEVEL, -1, "log level -1 refused")):
            realtime.queue(server.pid, number, payload)
            server.wait_logged(text)
        self.assertEqual(server.get("/v").body, b"version1")
        result = server.run("-s", "workers=1024")
        self.assertEqual(result.returncode, 1)
        self.assertIn("1024 worker processes refused: 1 to", result.stderr)

    def test_a_full_queue_of_signals_is_told(self):
        server = self.start(start=False)
        server.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0)))

        result = server.run("-s", "workers=2")

        self.assertEqual(result.returncode, 1)
        self.assertIn("RLIMIT_SIGPENDING", result.stderr)

    def test_an_order_to_nobody_fails(self):
        server = self.start(start=False)
        self.assertEqual(server.run("-s", "workers=2").returncode, 1)
        self.assertEqual(server.run("-s", "stats").returncode, 1)


class Signals(SluiceTest):
    def start(self, workers=1, files=None):
        return self.serve(version(1), workers=workers, files=files or {"www/index.html": "front"})

    def answers(self, server, body):
        try:
            return server.get("/v").body == body
        except (OSError, Closed):
            return False

    # --- stopping

    def test_quit_finishes_a_running_download(self):
        server = self.start(files={"www/big.bin": BIG})
        with server.connect() as connection:
            connection.send(build_request("/big.bin"))
            head = connection.read_head()
            first = connection.read_exactly(1000)
            server.signal(signal.SIGQUIT)
            wait_for(lambda: is_free(server.port), what="the port to be given up")
            rest = connection.read_exactly(int(head.header("Content-Length")) - 1000)

        self.assertEqual(first + rest, BIG)
        self.assertEqual(server.wait_exit(), 0)

    def test_term_stops_at_once(self):
        server = self.start(files={"www/big.bin": BIG})
        with server.connect() as connection:
            connection.send(build_request("/big.bin"))
            connection.read_head()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(), 0)

    def test_int_stops_as_term_does(self):
        server = self.start()
        server.signal(signal.SIGINT)

        self.assertEqual(server.wait_exit(), 0)

    def test_quit_does_not_wait_for_idle_connections_forever(self):
        server = self.serve(version(1).replace(
            "http {", "worker_shutdown_timeout 1s; http { keepalive_timeout 60s;"),
            files={"www/index.html": "front"})
        with server.connect() as connection:
            self.assertEqual(connection.get("/").status, 200)
            server.signal(signal.SIGQUIT)
            self.assertEqual(server.wait_exit(), 0)

    def test_pid_file_goes_with_the_master(self):
        server = self.start()
        self.assertEqual(int(server.pid_file.read_text("ascii")), server.pid)

        server.stop()

        self.assertFalse(server.pid_file.exists())
        self.assertTrue(is_free(server.port))

    def test_restart_on_the_same_port_at_once(self):
        server = self.start()
        for _ in range(3):
            with server.connect() as connection:
                connection.get("/v", {"Connection": "keep-alive"})
                server.signal(signal.SIGTERM)
                server.wait_exit()
            server.start()
            self.assertEqual(server.get("/v").body, b"version1")

    # --- reload

    def test_hup_puts_a_new_configuration_in_force(self):
        server = self.start(workers=2)
        self.assertEqual(server.get("/v").body, b"version1")

        server.configure(version(2))
        server.signal(signal.SIGHUP)

        wait_for(lambda: self.answers(server, b"version2"), what="the new configuration")

    def test_hup_adds_and_removes_ports(self):
        server = self.start()
        server.configure(version(2).replace("listen %%PORT%%;", "listen %%PORT2%%;"))
        server.signal(signal.SIGHUP)

        wait_for(lambda: is_free(server.port_number(1)), what="the old port to close")
        self.assertEqual(server.get("/v", port=server.port_number(2)).body, b"version2")

    def test_hup_with_a_mistake_changes_nothing(self):
        server = self.start()
        server.allowed_words = ["[emerg]"]
        server.configure(version(2).replace("root", "rooot"))

        server.signal(signal.SIGHUP)

        server.wait_logged(re.compile(r'unknown directive "rooot" in \S*sluice\.conf:4\b'))
        holds_for(lambda: self.answers(server, b"version1"), 0.3, "the old configuration")

    def test_hup_with_a_port_in_use_changes_nothing(self):
        server = self.start()
        other = self.start()
        server.allowed_words = ["[emerg]"]
        server.configure(version(2).replace("listen %%PORT%%;",
                                            f"listen %%PORT%%; listen {other.port};"))

        server.signal(signal.SIGHUP)

        server.wait_logged("98: Address already in use")
        holds_for(lambda: self.answers(server, b"version1"), 0.3, "the old configuration")

    def test_idle_connection_survives_hup(self):
        server = self.start()
        with server.connect() as connection:
            self.assertEqual(connection.get("/v").body, b"version1")
            server.configure(version(2))
            self.assertEqual(server.reload().returncode, 0)
            self.assertEqual(connection.get("/v").body, b"version2")

    def test_download_survives_reloads(self):
        server = self.start(files={"www/big.bin": BIG})
        with server.connect() as connection:
            connection.send(build_request("/big.bin"))
            head = connection.read_head()
            body = b""
            for number in range(5):
                body += connection.read_exactly(100_000)
                server.configure(version(number))
                self.assertEqual(server.reload().returncode, 0)
            body += connection.read_exactly(int(head.header("Content-Length")) - len(body))

        self.assertEqual(body, BIG)

    def test_workers_stay_over_a_reload(self):
        server = self.start(workers=2)
        before = wait_for(lambda: len(server.workers()) == 2 and server.workers(), what="workers")

        for number in range(5):
            server.configure(version(number))
            self.assertEqual(server.reload().returncode, 0)

        self.assertEqual(server.workers(), before)

    def test_worker_count_changes(self):
        server = self.start(workers=1)
        first = server.workers()

        for count in (3, 1):
            server.workers_wanted = count
            server.configure(version(count))
            self.assertEqual(server.reload().returncode, 0)
            wait_for(lambda: len(server.workers()) == count, what=f"{count} workers")
            self.assertEqual(server.get("/v").body, f"version{count}".encode())
        self.assertEqual(server.workers(), first)

    def test_descriptors_do_not_leak(self):
        server = self.start()
        for number in range(3):
            server.configure(version(number))
            self.assertEqual(server.reload().returncode, 0)
        worker = server.workers()[0]
        before = (processes.fd_targets(server.pid), processes.fd_targets(worker))

        for number in range(20):
            server.configure(version(number))
            self.assertEqual(server.reload().returncode, 0)

        def no_more():  # the channel of a canary that was ending may have been among those before
            now = (processes.fd_targets(server.pid), processes.fd_targets(worker))
            return all(len(x) <= len(y) for x, y in zip(now, before))
        wait_for(no_more, what=f"no more descriptors than before: {before}")

    def test_many_hups_end_in_the_last_configuration(self):
        server = self.start(workers=2)
        for number in range(2, 12):
            server.configure(version(number))
            server.signal(signal.SIGHUP)

        wait_for(lambda: all(self.answers(server, b"version11") for _ in range(8)),
                 what="the last configuration everywhere")

    # --- logs

    def test_usr1_reopens_the_logs(self):
        server = self.start()
        server.get("/v")
        wait_for(server.access_log, what="the first line")
        moved = server.access_log_file.with_suffix(".1")
        server.access_log_file.rename(moved)

        server.signal(signal.SIGUSR1)

        wait_for(server.access_log_file.exists, what="a new access log")
        wait_for(lambda: server.get("/v") and server.access_log(), what="a line in it")

    # --- children

    def test_killed_worker_is_replaced(self):
        server = self.start()
        old = server.kill_worker()

        wait_for(lambda: self.answers(server, b"version1"), what="an answer")
        server.wait_logged(re.compile(rf"{old}[^\n]*(signal 9|SIGKILL)"))

    def test_worker_that_leaves_politely_is_replaced(self):
        server = self.start()
        old = server.workers()[0]

        server.signal(signal.SIGTERM, old)

        wait_for(lambda: server.workers() and old not in server.workers(), what="a new worker")
        self.assertEqual(server.get("/v").body, b"version1")

    def test_winch_stops_the_workers_and_hup_brings_them_back(self):
        server = self.serve("daemon on;" + version(1), start=False)
        self.assertEqual(server.run().returncode, 0)
        master = int(server.pid_file.read_text("ascii"))
        try:
            wait_for(lambda: server.workers(master), what="a worker")
            os.kill(master, signal.SIGWINCH)
            wait_for(lambda: not server.workers(master), what="the workers to end")
            self.assertTrue(processes.is_alive(master))

            os.kill(master, signal.SIGHUP)
            wait_for(lambda: self.answers(server, b"version1"), what="an answer")
        finally:
            os.kill(master, signal.SIGTERM)
        wait_for(lambda: not processes.is_alive(master), what="the daemon to end")

    def test_a_terminal_that_changes_its_size_means_nothing(self):
        server = self.serve(version(1), start=False)
        ours, theirs = pty.openpty()

        def take_terminal():
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        server.start(preexec_fn=take_terminal, pass_fds=(theirs,))
        before = server.workers()

        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

        holds_for(lambda: server.workers() == before, 0.3, "the worker")
        self.assertEqual(server.get("/v").body, b"version1")
        server.stop()
        os.close(ours)
        os.close(theirs)

    def test_workers_end_when_the_master_is_killed(self):
        server = self.start(workers=2)
        family = server.family()

        server.signal(signal.SIGKILL)

        server.expected_exit = -signal.SIGKILL
        wait_for(lambda: not [p for p in family if processes.is_alive(p)],
                 what="every process to notice")

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_workers_run_as_another_user(self):
        server = self.start()

        wait_for(lambda: "0" not in processes.status_field(server.workers()[0], "Uid").split(),
                 what="a worker that is not root")


if __name__ == "__main__":
    unittest.main()
