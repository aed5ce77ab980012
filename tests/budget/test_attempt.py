# SPDX-License-Identifier: BSD-2-Clause
"""Finding a peer allocates nothing, whatever the method and wherever the peers' state lies."""

import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
PROGRAM = BINARY.parent / "tests/budget_attempt"


@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "a release build is measured")
class Attempt(unittest.TestCase):
    def test_allocates_nothing(self):
        run = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=120)
        print(run.stdout)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
