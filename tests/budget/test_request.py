# SPDX-License-Identifier: BSD-2-Clause
"""The budget of one keep-alive request: allocations and system calls, counted by budget_request."""

import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
PROGRAM = BINARY.parent / "tests/budget_request"


class Request(unittest.TestCase):
    def assert_within_budget(self, *arguments):
        result = subprocess.run([PROGRAM, *arguments], text=True, capture_output=True, timeout=120)

        print(result.stdout)
        if result.returncode == 77:
            self.skipTest("tracing is not permitted here")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("allocations    0 in 2000 requests", result.stdout)

    def test_a_cached_small_file_stays_within_its_budget(self):
        self.assert_within_budget()

    def test_an_access_line_costs_no_system_call_but_a_wakeup_a_turn(self):
        self.assert_within_budget("access_log")


if __name__ == "__main__":
    unittest.main()
