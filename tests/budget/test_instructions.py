# SPDX-License-Identifier: BSD-2-Clause
"""User-space instructions of a worker per keep-alive request of a 612-byte file, by callgrind: the
difference between two runs, so that the start does not count."""

import os
import shutil
import unittest
from pathlib import Path

from support.callgrind import instructions

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
BUDGET = 4000  # raise it only with a reason in the commit
FEW, MANY = 100, 600
CONF = """daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1; events { }
http { access_log off; server { listen 127.0.0.1:{port}; root {dir}/www; disable_symlinks off; } }
"""


@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "a release build is measured")
@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
class Instructions(unittest.TestCase):
    def test_a_keep_alive_request_stays_within_its_budget(self):
        per_request = (instructions(BINARY, CONF, MANY) - instructions(BINARY, CONF, FEW)) / (MANY - FEW)

        print(f"instructions   {per_request:.0f} per request, budget {BUDGET}")
        self.assertGreater(per_request, 500)
        self.assertLessEqual(per_request, BUDGET)


if __name__ == "__main__":
    unittest.main()
