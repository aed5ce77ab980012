# SPDX-License-Identifier: BSD-2-Clause
"""The budget of one round trip through a TCP relay, counted by budget_relay."""

import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
PROGRAM = BINARY.parent / "tests/budget_relay"


class Relay(unittest.TestCase):
    def assert_within_budget(self, size):
        result = subprocess.run([PROGRAM, str(size)], text=True, capture_output=True, timeout=120)

        print(result.stdout)
        if result.returncode == 77:
            self.skipTest("tracing is not permitted here")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("allocations    0 in 2000 round trips", result.stdout)

    def test_a_message_of_64_bytes_is_a_recv_and_a_send(self):
        self.assert_within_budget(64)

    def test_so_is_one_that_fills_the_usual_buffer(self):
        self.assert_within_budget(16384)


if __name__ == "__main__":
    unittest.main()
