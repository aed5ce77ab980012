# SPDX-License-Identifier: BSD-2-Clause
"""Runs the real server for one test: own folder, own ports, own configuration.

    server = Sluice("http { server { listen %%PORT%%; root %%DIR%%/www; } }",
                    files={"www/index.html": "hello"}, workers=2)
    server.start()
    server.get("/").status == 200
    server.stop()          # QUIT; asserts exit 0, no process left, nothing bad in the error log

In a configuration %%DIR%% is the test's folder, %%PORT%%, %%PORT2%% … are free ports. What a
test does not say itself is added: daemon off, pid, error_log, worker_processes, events.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from signal import SIGKILL, SIGQUIT

from . import processes
from .client import Connection
from .waiting import DEADLINE, PortPool, wait_for

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("SLUICE_BINARY") or str(ROOT / "build" / "release" / "sluice")
BAD_WORDS = ("[alert]", "[emerg]", "Sanitizer", "runtime error:", "Assertion")


class Sluice:
    """One server under test. Not started until start()."""

    def __init__(self, conf_text, workers=1, files=None, binary=None, env=None, args=()):
        self.binary = binary or BINARY
        self.workers_wanted = workers
        self.args = list(args)
        self.dir = Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.dir.chmod(0o755)  # workers of a root master run as another user
        self.pool = PortPool()
        self.ports = {}
        self.process = None
        self.expected_exit = 0
        self.allowed_words = []
        for folder in ("logs", "conf", "www"):
            (self.dir / folder).mkdir()
        self.conf = self.dir / "conf" / "sluice.conf"
        self.pid_file = self.dir / "sluice.pid"
        self.error_log_file = self.dir / "logs" / "error.log"
        self.access_log_file = self.dir / "logs" / "access.log"
        self.stderr_file = self.dir / "logs" / "stderr"
        self.env = dict(os.environ)
        # A worker that changed its user cannot be traced, and the leak check needs that.
        self.env.setdefault("ASAN_OPTIONS", "detect_leaks=0")
        self.env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        self.env.update(env or {})
        for name, content in (files or {}).items():
            self.write(name, content)
        self.configure(conf_text)

    # --- folder and configuration

    def write(self, name, content):
        """Writes a file in the test's folder (content: str with placeholders, or bytes)."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else self.expand(content).encode())
        return path

    def expand(self, text):
        """Fills in %%DIR%% and %%PORTn%%."""
        text = text.replace("%%DIR%%", str(self.dir))
        return re.sub(r"%%PORT(\d*)%%", lambda m: str(self.port_number(int(m[1] or 1))), text)

    def port_number(self, index=1):
        """The free port behind %%PORT%% (1), %%PORT2%% (2) …"""
        if index not in self.ports:
            self.ports[index] = self.pool.take()
        return self.ports[index]

    @property
    def port(self):
        return self.port_number(1)

    def configure(self, conf_text):
        """Writes the configuration; follow with reload() on a running server."""
        added = [
            ("daemon", "daemon off;"),
            ("pid", f"pid {self.pid_file};"),
            ("error_log", f"error_log {self.error_log_file} info;"),
            ("worker_processes", f"worker_processes {self.workers_wanted};"),
            ("events", "events {}"),
        ]
        written = re.search(r"(?m)^\s*worker_processes\s+(\d+)", conf_text)
        self.workers_at_start = int(written[1]) if written else self.workers_wanted
        lines = [line for word, line in added if not re.search(rf"(?m)^\s*{word}\b", conf_text)]
        # On one line, so that the test's own line numbers only move by one; renamed, so that a
        # reload that runs meanwhile never reads half a file.
        fresh = self.conf.with_suffix(".new")
        fresh.write_text(" ".join(lines) + "\n" + self.expand(conf_text), encoding="utf-8")
        fresh.rename(self.conf)

    # --- life

    def command(self, *args):
        """The command line for this server's folder with further arguments."""
        return [self.binary, "-p", f"{self.dir}/", "-c", str(self.conf), "-e",
                str(self.error_log_file), *args]

    def run(self, *args, timeout=30):
        """Runs the binary to its end (-t, -T, -s …) and gives the CompletedProcess."""
        return subprocess.run(self.command(*args), env=self.env, text=True, capture_output=True,
                              errors="replace", timeout=timeout, stdin=subprocess.DEVNULL)

    def start(self, wait=True, **popen_options):
        """Starts in the foreground and waits for the pid file and every worker."""
        with open(self.stderr_file, "ab") as stderr, open(self.dir / "logs/stdout", "ab") as stdout:
            self.process = subprocess.Popen(self.command(*self.args), env=self.env, stderr=stderr,
                                            stdout=stdout, stdin=subprocess.DEVNULL,
                                            **popen_options)
        if wait:
            try:
                wait_for(self._is_up, what="the server to start")
            except AssertionError:
                self.kill()
                raise AssertionError("did not start\n" + self.report()) from None
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"exited with {self.process.returncode} at start")
        return self.pid_file.exists() and len(self.workers()) >= self.workers_at_start

    @property
    def pid(self):
        """The master's pid."""
        return self.process.pid

    def signal(self, number, pid=None):
        """Sends a signal to the master, or to `pid`."""
        os.kill(pid or self.pid, number)

    def kill_worker(self, pid=None):
        """Kills a worker (default the first) and waits until another serves in its place; gives the
        dead one's pid."""
        before = self.workers()
        pid = pid or before[0]
        self.allowed_words.append("exited on signal 9")
        os.kill(pid, SIGKILL)

        def is_replaced():
            now = self.workers()
            return pid not in now and len(now) >= len(before)
        wait_for(is_replaced, what=f"another worker in place of {pid}")
        return pid

    def reload(self, timeout=30):
        """`-s reload`, which waits for the outcome; gives the CompletedProcess."""
        return self.run("-s", "reload", timeout=timeout)

    def wait_exit(self, deadline=None):
        """Waits for the master to end and gives its exit code."""
        try:
            return self.process.wait(DEADLINE if deadline is None else deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError("the master did not exit\n" + self.report()) from None

    def stop(self, number=SIGQUIT):
        """Stops the server and asserts that it left nothing behind."""
        if self.process is None:
            return
        family = self.family()
        if self.process.poll() is None:
            self.signal(number)
        try:
            code = self.wait_exit()
            if code != self.expected_exit:
                raise AssertionError(f"exit code {code}\n" + self.report())
            wait_for(lambda: not [p for p in family if processes.is_alive(p)],
                     what="every process of the server to end")
            self.assert_clean_logs()
        finally:
            self.kill()

    def assert_clean_logs(self):
        """No alert, no emergency, no sanitizer report so far."""
        for line in (self.error_log() + self.stderr()).splitlines():
            if any(word in line for word in BAD_WORDS):
                if not any(word in line for word in self.allowed_words):
                    raise AssertionError("bad line in the log: " + line + "\n" + self.report())

    def kill(self):
        """Ends what is left, without asking."""
        if self.process is None:
            return
        family = self.family()
        for pid in family:
            try:
                os.kill(pid, SIGKILL)
            except ProcessLookupError:
                pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass

    def cleanup(self):
        """kill(), then removes folder and ports."""
        self.kill()
        self.pool.release()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- looking at it

    def family(self):
        """Pids of the master and all below it."""
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            if processes.is_alive(pid):
                found.append(pid)
            todo += processes.children_of(pid)
        return found

    def workers(self, master=None):
        """Pids of the workers, by process title."""
        return [pid for pid in processes.children_of(master or self.pid)
                if re.match(r"\S+: worker", processes.title_of(pid))]

    def logger(self):
        """Pid of the logger, or None."""
        for pid in processes.children_of(self.pid):
            if "logger" in processes.title_of(pid).split(":")[-1]:
                return pid
        return None

    def fd_count(self, pid=None):
        return processes.fd_count(pid or self.pid)

    def error_log(self):
        return read_text(self.error_log_file)

    def access_log(self):
        return read_text(self.access_log_file)

    def stderr(self):
        return read_text(self.stderr_file)

    def wait_logged(self, wanted, times=1, log=None):
        """Waits until `wanted`, a text or a compiled pattern, was written that often to the error log,
        or to `log`, a function that gives another one's text; gives the text."""
        log = log or self.error_log
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted
        try:
            return wait_for(lambda: len(pattern.findall(text := log())) >= times and text,
                            what=f"{wanted!r} in the log")
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- that log\n{log()[-4000:]}") from None

    def wait_accessed(self, wanted, times=1):
        """wait_logged() for the access log."""
        return self.wait_logged(wanted, times, self.access_log)

    def report(self):
        """What a failed test prints."""
        stderr, errors = self.stderr(), self.error_log()
        # A crash must not be overlooked for what was logged after it.
        grave = [line for line in (stderr + errors).splitlines() if any(word in line for word in BAD_WORDS)]
        return (f"--- configuration\n{read_text(self.conf)}\n--- stderr\n{stderr[-4000:]}\n"
                f"--- error log\n{errors[-8000:]}\n--- alerts\n" + "\n".join(grave[:40]))

    # --- talking to it

    def connect(self, port=None, **options):
        """A raw Connection to a port (default the first), or to a Unix socket's path."""
        return Connection(port or self.port, **options)

    def get(self, path="/", headers=None, port=None, method="GET", body=b"", version="HTTP/1.1"):
        """One request on a connection of its own."""
        with self.connect(port) as connection:
            return connection.get(path, headers, method, body, version)


class SluiceTest(unittest.TestCase):
    """Base of system tests. A class with `conf` shares one server among its tests; serve() makes
    one for a single test. Prints logs on failure and asserts a clean stop."""

    conf = None
    files = {}
    workers = 1
    server = None

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(BINARY):
            raise unittest.SkipTest(f"{BINARY} is not built")
        if cls.conf is not None:
            cls.server = Sluice(cls.conf, workers=cls.workers, files=cls.files)
            cls.addClassCleanup(cls.server.cleanup)
            cls.server.start()
            cls.addClassCleanup(cls.server.stop)

    def tearDown(self):
        if type(self).conf is not None and not self.is_passing():
            sys.stderr.write(f"\n{self.id()}\n{self.server.report()}\n")

    def is_passing(self):
        return getattr(self._outcome, "success", True)

    def serve(self, conf_text, start=True, **options):
        """A server for this test alone, stopped and checked at its end."""
        server = Sluice(conf_text, **options)
        self.addCleanup(server.cleanup)
        self.addCleanup(self._finish, server)
        if start:
            server.start()
        return server

    def refusal_of(self, conf_text):
        """What `-t` says of a configuration that cannot be used."""
        answer = self.serve(conf_text, start=False).run("-t")
        self.assertEqual(answer.returncode, 1, answer.stderr)
        return answer.stderr

    def _finish(self, server):
        if self.is_passing():
            server.stop()
        else:
            sys.stderr.write(f"\n{self.id()}\n{server.report()}\n")


def read_text(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
