# SPDX-License-Identifier: BSD-2-Clause
"""User-space instructions of a worker per keep-alive request of a 612-byte file, by callgrind: the
difference between two runs, so that the start does not count. Exact to repeat on one machine and
one build of the C library; one connection, so that every request pays for a whole turn."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from support.waiting import DEADLINE, PortPool

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
BUDGET = 4000  # raise it only with a reason in the commit
FEW, MANY = 100, 600
CONF = """daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1; events {{ }}
http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {dir}/www; disable_symlinks off; }} }}
"""


def connect(port):
    end = time.monotonic() + 4 * DEADLINE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=4 * DEADLINE)
        except OSError:
            if time.monotonic() > end:
                raise


@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "a release build is measured")
@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
class Instructions(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="sluice-callgrind-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o777)  # the worker writes its figures there as another user
        (self.dir / "www").mkdir(mode=0o755)
        (self.dir / "www/index.html").write_bytes(b"x" * 612)
        self.pool = PortPool()
        self.addCleanup(self.pool.release)
        self.port = self.pool.take()

    def total(self, count):
        """Instructions of the worker's whole life with `count` requests."""
        (self.dir / "conf").write_text(CONF.format(dir=self.dir, port=self.port))
        out = self.dir / f"out.{count}"
        out.mkdir()
        out.chmod(0o777)
        server = subprocess.Popen(
            ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes",
             f"--callgrind-out-file={out}/%p", str(BINARY), "-c", str(self.dir / "conf")],
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            with connect(self.port) as client:
                for _ in range(count):
                    client.sendall(b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    said = b""
                    while not said.endswith(b"x" * 612):
                        part = client.recv(65536)
                        self.assertTrue(part, said)
                        said += part
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(4 * DEADLINE), 0)
        finally:
            server.kill()
            server.wait()
        totals = [re.search(r"(?m)^totals: (\d+)", path.read_text()) for path in out.iterdir()]
        return max(int(match[1]) for match in totals if match)

    def test_a_keep_alive_request_stays_within_its_budget(self):
        per_request = (self.total(MANY) - self.total(FEW)) / (MANY - FEW)

        print(f"instructions   {per_request:.0f} per request, budget {BUDGET}")
        self.assertGreater(per_request, 500)
        self.assertLessEqual(per_request, BUDGET)


if __name__ == "__main__":
    unittest.main()
