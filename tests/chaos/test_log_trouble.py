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
        server = self.serve_logging_to('"|tee %%DIR%%/logs/piped"')
        server.allowed_words.append("signal 9")
        tee = [p for p in processes.children_of(server.pid)
               if os.readlink(f"/proc/{p}/exe").endswith("tee")][0]
        os.kill(tee, SIGSTOP)
        # 40 lines of 3.4 KiB: more than the pipe holds, less than half of the lane.
        for i in range(40):
            self.assertEqual(server.get(f"/n{i}{MISSING}").status, 404)
        os.kill(server.logger(), SIGKILL)
        os.kill(tee, SIGCONT)

        def missing():
            text = (server.dir / "logs/piped").read_text(errors="replace")
            return [i for i in range(40) if f"/n{i}/x" not in text]

        wait_for(lambda: not missing(), what="every line")


if __name__ == "__main__":
    unittest.main()
