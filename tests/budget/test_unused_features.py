# SPDX-License-Identifier: BSD-2-Clause
"""What a feature costs a request that does not use it: instructions of each alone and of all at once, by
callgrind, and no allocation. What counts as unused: unused_features.py."""

import concurrent.futures
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.callgrind import SERVING, instructions

from unused_features import FEATURES, FILES, conf_of

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
PROGRAM = BINARY.parent / "tests/budget_request"
# Instructions a request; raise them only with a reason in the commit.
MOST_EACH = 300
MOST_ALL = 3000
REQUESTS = 300


@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "a release build is measured")
class UnusedFeatures(unittest.TestCase):
    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_each_costs_few_instructions(self):
        # Those that are not in force are measured together: if all of them cost so little, each does.
        groups = {"none": [], "all that are declared or elsewhere": [one for one in FEATURES if not one.is_in_force],
                  **{one.name: [one] for one in FEATURES if one.is_in_force}, "all": FEATURES}
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            counts = dict(zip(groups, pool.map(
                lambda group: instructions(BINARY, conf_of(*group), REQUESTS, SERVING, FILES), groups.values())))

        base = counts.pop("none") / REQUESTS
        self.assertGreater(base, 500, f"nothing was counted: has {SERVING} another name?")
        costs = {name: count / REQUESTS - base for name, count in counts.items()}
        for name, cost in costs.items():
            print(f"{cost:6.0f} instructions: {name}")
        total = costs.pop("all")
        self.assertEqual({name: round(cost) for name, cost in costs.items() if cost > MOST_EACH}, {})
        self.assertLessEqual(total, MOST_ALL)

    def test_all_at_once_allocate_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            conf = Path(folder, "conf")
            conf.write_text(conf_of(*FEATURES).replace("{dir}/www", "@root@").replace("{dir}", folder)
                            .replace("{port}", "1"))
            result = subprocess.run([PROGRAM, conf], text=True, capture_output=True, timeout=120)

        print(result.stdout)
        if result.returncode == 77:
            self.skipTest("tracing is not permitted here")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("allocations    0 in 2000 requests", result.stdout)


if __name__ == "__main__":
    unittest.main()
