# SPDX-License-Identifier: BSD-2-Clause
"""Where lines can go beside files: syslog, commands, named pipes, message queues, log_alert."""

import ctypes
import os
import re
import select
import socket
import stat
import unittest
from signal import SIGKILL

from support import processes
from support.harness import SluiceTest, read_text
from support.waiting import DEADLINE, wait_for

SITE = "http { server { listen %%PORT%%; root %%DIR%%/www; } }\n"
OLD_HEADER = re.compile(rb"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:(\S+) )?(\w+): (.*)", re.S)
NEW_HEADER = re.compile(
    rb"<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\S+) (\S+) (\d+) - - (.*)", re.S)


def children_named(server, name):
    return [pid for pid in processes.children_of(server.pid) if command_of(pid) == name]


def command_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


class Sinks(SluiceTest):
    def serve_with(self, logs, **options):
        return self.serve(f"error_log %%DIR%%/logs/error.log info;\n{logs}\n" + SITE,
                          files={"www/index.html": "hello"}, **options)

    def miss(self, server, name):
        """One line in the error log that names `name`."""
        self.assertEqual(server.get(f"/{name}").status, 404)


class Syslog(Sinks):
    def receiver(self, kind=socket.SOCK_DGRAM, port=0):
        sock = socket.socket(socket.AF_INET, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.settimeout(DEADLINE)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        self.addCleanup(sock.close)
        return sock, sock.getsockname()[1]

    def message_with(self, sock, word):
        while True:
            message = sock.recv(65536)
            if word.encode() in message:
                return message

    def test_udp_has_the_form_of_nginx(self):
        sock, port = self.receiver()
        server = self.serve_with(f"error_log syslog:server=127.0.0.1:{port},tag=here info;")
        self.miss(server, "gone")
        found = OLD_HEADER.fullmatch(self.message_with(sock, "gone"))
        self.assertEqual(int(found[1]), 23 * 8 + 6)
        self.assertEqual(found[2].decode(), socket.gethostname().lower())
        self.assertEqual(found[3], b"here")
        self.assertRegex(found[4], rb"^\d{4}/\d\d/\d\d [\d:]{8} \[info\] \d+#\d+: ")

    def test_compat_has_the_tag_of_nginx_and_nohostname_has_none(self):
        sock, port = self.receiver()
        server = self.serve_with(
            f"compat nginx; error_log syslog:server=127.0.0.1:{port},nohostname,facility=user info;")
        self.miss(server, "gone")
        found = OLD_HEADER.fullmatch(self.message_with(sock, "gone"))
        self.assertEqual((int(found[1]), found[2], found[3]), (11, None, b"nginx"))

    def test_tcp_with_counted_octets_connects_again(self):
        sock, port = self.receiver(socket.SOCK_STREAM)
        server = self.serve_with(
            f"error_log syslog:server=127.0.0.1:{port},tcp,rfc=5424,facility=local0 info;")
        for word in (b"first", b"second"):
            peer, _ = sock.accept()
            with peer:
                peer.settimeout(DEADLINE)
                self.miss(server, word.decode())
                found = self.counted_message_with(peer, word)
                self.assertEqual((int(found[1]), found[3]), (16 * 8 + 6, b"sluice"))
            self.miss(server, "between")  # notices that the connection is gone

    def counted_message_with(self, peer, word):
        rest = b""
        while True:
            while b" " not in rest or len(rest.partition(b" ")[2]) < int(rest.partition(b" ")[0]):
                rest += peer.recv(65536)
            size, _, rest = rest.partition(b" ")
            message, rest = rest[:int(size)], rest[int(size):]
            if word in message:
                return NEW_HEADER.fullmatch(message)

    def test_tcp_that_is_not_there_yet_gets_its_lines_later(self):
        sock, port = self.receiver(socket.SOCK_STREAM)
        sock.close()
        server = self.serve_with(f"error_log syslog:server=127.0.0.1:{port},tcp info;")
        self.miss(server, "early")
        server.wait_logged("failed (111: Connection refused)")
        sock, _ = self.receiver(socket.SOCK_STREAM, port)
        peer, _ = sock.accept()
        with peer:
            peer.settimeout(DEADLINE)
            text = b""
            while b"early" not in text:
                text += peer.recv(65536)
        server.allowed_words.append("logger exits although")

    def test_unix_sockets_of_both_types(self):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with self.subTest(kind=kind):
                server = self.serve_with(
                    "error_log syslog:server=unix:%%DIR%%/log info;", start=False)
                sock = socket.socket(socket.AF_UNIX, kind)
                self.addCleanup(sock.close)
                sock.settimeout(DEADLINE)
                sock.bind(str(server.dir / "log"))
                (server.dir / "log").chmod(0o777)
                if kind == socket.SOCK_STREAM:
                    sock.listen()
                server.start()
                self.miss(server, "gone")
                peer = sock.accept()[0] if kind == socket.SOCK_STREAM else sock
                self.assertTrue(self.message_with(peer, "gone"))
                server.stop()
                peer.close()

    def test_nobody_there_costs_lines_and_is_told(self):
        sock, port = self.receiver()
        sock.close()
        server = self.serve_with(f"error_log syslog:server=127.0.0.1:{port} info;")

        def is_told():
            self.miss(server, "gone")
            return re.search(r"send\(\) to syslog:.*\(111: Connection refused\)", server.error_log())

        wait_for(is_told, what="the report of the failure")
        sock, _ = self.receiver(port=port)
        sock.settimeout(0.2)

        def arrives():
            self.miss(server, "again")
            try:
                return b"again" in sock.recv(65536)
            except TimeoutError:
                return False

        wait_for(arrives, what="lines after the receiver came")


class Commands(Sinks):
    def test_a_pipeline_gets_every_line_and_ends_with_the_server(self):
        server = self.serve_with('error_log "|cat | tee -a %%DIR%%/logs/piped" info;')
        for i in range(20):
            self.miss(server, f"line-{i}-")
        server.stop()
        piped = (server.dir / "logs/piped").read_text()
        self.assertEqual([i for i in range(20) if f"line-{i}-" not in piped], [])

    def test_killed_members_are_started_again_and_no_later_line_is_lost(self):
        server = self.serve_with('error_log "|cat | tee -a %%DIR%%/logs/piped" info;')
        server.allowed_words.append("log command")
        piped = server.dir / "logs/piped"
        for name in ("cat", "tee", "cat"):
            victim = wait_for(lambda n=name: children_named(server, n), what=name)[0]
            self.miss(server, f"before-{victim}-")
            wait_for(lambda v=victim: f"before-{v}-" in read_text(piped), what="the line before")
            os.kill(victim, SIGKILL)
            # A victim that still has to die may take a line with it.
            wait_for(lambda v=victim: not processes.is_alive(v), what="its death")
            self.miss(server, f"after-{victim}-")
            wait_for(lambda v=victim: f"after-{v}-" in read_text(piped), what="the line after")
        wait_for(lambda: not [p for p in processes.children_of(server.pid) if command_of(p) == ""],
                 what="nameless children to go")

    def test_a_reload_keeps_unchanged_commands_and_ends_removed_ones(self):
        logs = 'worker_shutdown_timeout 100ms; error_log "|cat" info;'
        server = self.serve_with(logs + ' error_log "|tee %%DIR%%/logs/t" info;')
        cats, tees = (wait_for(lambda n=n: children_named(server, n), what=n) for n in ("cat", "tee"))
        self.assertEqual((len(cats), len(tees)), (1, 1))
        server.configure(f"error_log %%DIR%%/logs/error.log info;\n{logs}\n" + SITE)
        self.assertEqual(server.reload().returncode, 0)
        wait_for(lambda: not children_named(server, "tee"), what="the removed command to end")
        self.assertEqual(children_named(server, "cat"), cats)

    def test_a_refused_reload_starts_nothing(self):
        server = self.serve_with("")
        server.allowed_words.append("no-such-program")
        server.configure('error_log "|cat" info; error_log "|no-such-program" info;\n' + SITE)
        refused = server.reload()
        self.assertEqual(refused.returncode, 1)
        self.assertIn("|no-such-program", refused.stderr)
        self.assertEqual(children_named(server, "cat"), [])

    def test_commands_have_default_signals_and_a_session_of_their_own(self):
        server = self.serve_with('error_log "|cat" info;')
        pid = wait_for(lambda: children_named(server, "cat"), what="the command")[0]
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        self.assertEqual(int(status["SigBlk"], 16), 0)
        self.assertEqual(int(status["SigIgn"], 16), 0)
        self.assertEqual((os.getsid(pid), os.getpgid(pid)), (pid, pid))

    def test_log_alert_runs_a_command_within_its_rate(self):
        server = self.serve(
            "error_log %%DIR%%/logs/error.log emerg;\n"
            "log_alert alert '%%DIR%%/alarm' rate=1r/m;\n" + SITE,
            files={"www/index.html": "hello"}, start=False)
        script = server.write("alarm", "#!/bin/sh\n{ cat; env | grep ^SLUICE_; } > %%DIR%%/t.new\n"
                                       "mv %%DIR%%/t.new %%DIR%%/told.$$\n")
        script.chmod(0o755)
        server.start()
        for _ in range(3):
            server.kill_worker()
        told = wait_for(lambda: list(server.dir.glob("told.*")), what="the alert")
        text = told[0].read_text()
        self.assertRegex(text.splitlines()[0], r"^worker process \d+ exited on signal 9")
        self.assertIn("SLUICE_LEVEL=alert", text)
        self.assertIn("SLUICE_SUPPRESSED=0", text)
        server.stop()
        self.assertEqual(len(list(server.dir.glob("told.*"))), 1)
        self.assertEqual(server.error_log(), "", "an event needs no file that takes it")


    def test_log_alert_keeps_its_level_whatever_the_running_level_is(self):
        server = self.serve(
            "error_log %%DIR%%/logs/error.log info;\n"
            "log_alert alert '%%DIR%%/alarm';\n" + SITE, start=False)
        script = server.write("alarm", "#!/bin/sh\ncat > %%DIR%%/told.new\n"
                                       "mv %%DIR%%/told.new %%DIR%%/told.$$\n")
        script.chmod(0o755)
        server.start()
        self.assertEqual(server.run("-s", "loglevel=emerg").returncode, 0)
        os.kill(server.workers()[0], SIGKILL)
        told = wait_for(lambda: list(server.dir.glob("told.*[0-9]")), what="the alert")
        self.assertIn("exited on signal 9", told[0].read_text())
        self.assertNotIn("exited on signal 9", server.error_log())


class Fifos(Sinks):
    def test_without_reader_lines_are_dropped_and_a_reader_gets_the_next(self):
        server = self.serve_with("error_log fifo:logs/f info;")
        path = server.dir / "logs/f"
        self.assertTrue(stat.S_ISFIFO(path.stat().st_mode))
        self.miss(server, "unread")
        server.wait_logged("log lines dropped")
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.miss(server, "read")
        text = b""
        while b"/read" not in text:  # what was told meanwhile may come before
            self.assertTrue(select.select([reader], [], [], DEADLINE)[0], text)
            text += os.read(reader, 65536)
        self.assertNotIn(b"generation 1", text)  # the first line of all, long dropped

    def test_anything_else_under_that_path_is_refused(self):
        server = self.serve_with("error_log fifo:%%DIR%%/www/index.html info;", start=False)
        result = server.run("-t")
        self.assertEqual(result.returncode, 1)
        self.assertIn("www/index.html", result.stderr)


class Queues(Sinks):
    def setUp(self):
        super().setUp()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.name = f"/sluice-test-{os.getpid()}".encode()
        self.libc.mq_unlink(self.name)
        self.addCleanup(self.libc.mq_unlink, self.name)

    def receive(self, queue):
        buffer = ctypes.create_string_buffer(8192)
        priority = ctypes.c_uint()
        size = self.libc.mq_receive(queue, buffer, ctypes.c_size_t(8192), ctypes.byref(priority))
        return (buffer.raw[:size], priority.value) if size >= 0 else None

    def open(self):
        queue = self.libc.mq_open(self.name, os.O_RDONLY | os.O_NONBLOCK)
        self.assertGreaterEqual(queue, 0, os.strerror(ctypes.get_errno()))
        self.addCleanup(os.close, queue)
        return queue

    def test_graver_lines_come_first_and_a_full_queue_drops(self):
        server = self.serve_with(f"error_log mq:{self.name.decode()} info;")
        queue = self.open()
        while self.receive(queue):
            pass  # lines of the start
        self.miss(server, "gone")
        text, priority = wait_for(lambda: self.receive(queue), what="a message")
        while b"gone" not in text:
            text, priority = wait_for(lambda: self.receive(queue), what="the message")
        self.assertEqual(priority, 7 - 6)

        def is_full():
            self.miss(server, "flood")
            return "log lines dropped" in server.error_log()

        def takes_again():
            # Floods that waited may fill it once more, and one that is not read for 50 ms drops.
            self.miss(server, "afterwards")
            messages = iter(lambda: self.receive(queue), None)
            return any(b"afterwards" in message for message, _ in messages)

        wait_for(is_full, what="the count of drops")
        wait_for(takes_again, what="a later line")


    def test_the_command_line_takes_lines_out_of_a_queue(self):
        name = self.name.decode()
        server = self.serve_with(f"error_log mq:{name} info;")
        self.miss(server, "first")
        taken = []

        def take(*options):
            answer = server.run("logs", "--queue", name, *options)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            taken.extend(answer.stdout.splitlines())
            return answer.stdout

        wait_for(lambda: take() and any("first" in line for line in taken), what="the line")
        server.allowed_words.append("signal 9")
        self.miss(server, "information")
        server.kill_worker()  # an alert
        self.assertEqual(server.run("logs", "--queue", name, "--level", "silly").returncode, 1)
        taken.clear()
        wait_for(lambda: take("--level", "alert") and any("exited on signal 9" in line for line in taken),
                 what="the alert")
        self.assertEqual([line for line in taken if "information" in line], [])

    def test_a_queue_that_is_not_there_and_options_that_mean_nothing(self):
        server = self.serve_with("")
        missing = server.run("logs", "--queue", "/sluice-none")
        self.assertEqual(missing.returncode, 1)
        self.assertRegex(missing.stderr, r'failed \(2: No such file or directory\)')
        self.assertIn("--status excludes --queue",
                      server.run("logs", "--queue", "/a", "--status", "404").stderr)


class Places(Sinks):
    def test_a_location_has_its_own_error_log_with_nginxs_context(self):
        server = self.serve("compat nginx;\nhttp { server { listen %%PORT%%; server_name here; "
                            "root %%DIR%%/www;\n"
                            "location /own { error_log %%DIR%%/logs/own.log; } } }")
        self.miss(server, "own/x")
        own = server.dir / "logs/own.log"
        line = server.wait_logged("\n", log=lambda: read_text(own))
        server.stop()
        self.assertRegex(line, r"\[error\] \d+#\d+: \*\d+ open\(\) \"/.*/own/x\" failed \(2: No such "
                               r"file or directory\), client: 127\.0\.0\.1, server: here, request: "
                               r"\"GET /own/x HTTP/1\.1\", host: \".+\"\n$")
        self.assertNotIn("own/x", server.error_log())


class Logger(Sinks):
    def test_every_one_of_many_sinks_is_restored_with_a_new_logger(self):
        places = "".join(f"location /{i} {{ access_log %%DIR%%/logs/many-{i}.log; }}\n"
                         for i in range(100))
        server = self.serve(f"http {{ server {{ listen %%PORT%%; root %%DIR%%/www;\n{places} }} }}")
        server.allowed_words.append("signal 9")
        for turn in range(2):
            os.kill(wait_for(server.logger, what="a logger"), SIGKILL)
            with server.connect() as connection:
                for i in range(100):
                    connection.get(f"/{i}")
            wait_for(lambda t=turn: all(
                (server.dir / f"logs/many-{i}.log").read_text().count("\n") > t
                for i in range(100)), what="a line in every log")


if __name__ == "__main__":
    unittest.main()
