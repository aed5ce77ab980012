# SPDX-License-Identifier: BSD-2-Clause
# Runs: alone
"""Sick log destinations under load: no request waits for them, what is lost is counted, and they
work again by themselves."""

import os
import subprocess
import time
import unittest
from signal import SIGCONT, SIGKILL, SIGSTOP

from support import processes
from support.harness import SluiceTest
from support.load import Load
from support.waiting import wait_for

# A path that is not there makes an info line of 3.5 KiB: every buffer on the way is soon full.
MISSING = "/x" * 100 + "/" + "/".join(["y" * 200] * 16)


class LogTrouble(SluiceTest):
    def serve_logging_to(self, target, start=True):
        return self.serve(
            f"error_log %%DIR%%/logs/error.log notice;\nerror_log {target} info;\n"
            "http { server { listen %%PORT%%; root %%DIR%%/www; } }\n",
            files={"www/index.html": "hello"}, workers=2, start=start)

    def load_until(self, server, condition, what):
        """Serves clients until `condition` holds; every request is answered, none waits long."""
        slowest = 0.0
        with Load(server.port, connections=8, path=MISSING, expect=404) as load:
            def probe():
                nonlocal slowest
                begin = time.monotonic()
                self.assertEqual(server.get("/").status, 200)
                slowest = max(slowest, time.monotonic() - begin)
                return condition()

            wait_for(probe, deadline=30, what=what)
        self.assertEqual(load.failures, [])
        self.assertLess(slowest, 5.0, "a request waited for the log")

    def dropped(self, server):
        return "log lines dropped" in server.error_log()

    def test_fifo_without_reader(self):
        server = self.serve_logging_to("fifo:logs/f")
        self.load_until(server, lambda: self.dropped(server), "the count of drops")
        reader = os.open(server.dir / "logs/f", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)

        def read():
            server.get("/recovered")
            try:
                return os.read(reader, 65536)
            except BlockingIOError:
                return b""

        wait_for(lambda: b"/recovered" in read(), what="a line for the new reader")

    def test_stopped_command(self):
        server = self.serve_logging_to('"|tee %%DIR%%/logs/piped"')
        tee = [p for p in processes.children_of(server.pid)
               if os.readlink(f"/proc/{p}/exe").endswith("tee")][0]
        os.kill(tee, SIGSTOP)
        self.load_until(server, lambda: self.dropped(server), "the count of drops")
        os.kill(tee, SIGCONT)

        def recovered():
            server.get("/recovered")
            return "/recovered" in (server.dir / "logs/piped").read_text(errors="replace")

        wait_for(recovered, what="lines after the command goes on")

    def test_stopped_command_does_not_hold_up_the_end(self):
        server = self.serve_logging_to('"|tee %%DIR%%/logs/piped"')
        tee = [p for p in processes.children_of(server.pid)
               if os.readlink(f"/proc/{p}/exe").endswith("tee")][0]
        os.kill(tee, SIGSTOP)
        server.get("/one-line")
        server.allowed_words.append("log command")
        server.stop()  # asserts that no process is left; the command is killed after its grace

    def test_full_disk(self):
        server = self.serve_logging_to("%%DIR%%/small/log", start=False)
        small = server.dir / "small"
        small.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=777", "none",
                                  str(small)], capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(small)], check=False)
        server.start()
        self.load_until(server, lambda: self.dropped(server), "the count of drops")
        server.wait_logged("failed (28: No space left on device)")
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)

        def works_again():
            server.get("/recovered")
            return "works again" in server.error_log()

        wait_for(works_again, what="writing to work again")
        server.stop()

    def test_killed_logger_behind_a_stopped_command_loses_no_queued_line(self):
        server = self.serve(
            'error_log "|tee %%DIR%%/logs/piped" info;\nerror_log %%DIR%%/logs/error.log info;\n'
            "http { server { listen %%PORT%%; root %%DIR%%/www; } }\n", workers=2)
        server.allowed_words.append("signal 9")
        tee = [p for p in processes.children_of(server.pid)
               if os.readlink(f"/proc/{p}/exe").endswith("tee")][0]
        os.kill(tee, SIGSTOP)
        # 150 lines of 7 KiB: many times what the pipe and a lane hold, less than a sink keeps.
        count = 150
        for i in range(count):
            self.assertEqual(server.get(f"/n{i}{MISSING}").status, 404)
            if i % 10 == 9:
                wait_for(lambda i=i: f"/n{i}/x" in server.error_log(), what="the logger's turn")
        os.kill(server.logger(), SIGKILL)
        os.kill(tee, SIGCONT)

        def missing():
            lines = (server.dir / "logs/piped").read_text(errors="replace").splitlines()
            whole = {line.split("/n", 1)[1].split("/", 1)[0] for line in lines
                     if "/n" in line and line[:2] == "20" and line.endswith('"')}
            return [i for i in range(count) if str(i) not in whole]

        wait_for(lambda: not missing(), what="every line")
        lines = (server.dir / "logs/piped").read_text().splitlines()
        self.assertLess(len(lines), 2 * count, "lines are repeated without need")


if __name__ == "__main__":
    unittest.main()
