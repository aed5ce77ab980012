# SPDX-License-Identifier: BSD-2-Clause
"""The budget of one datagram of stream: allocations and system calls, counted by budget_datagram."""

import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
PROGRAM = BINARY.parent / "tests/budget_datagram"


class Datagram(unittest.TestCase):
    def test_datagrams_stay_within_their_budget(self):
        result = subprocess.run([PROGRAM], text=True, capture_output=True, timeout=120)
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
