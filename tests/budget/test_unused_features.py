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

from unused_features import FEATURES, conf_of

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SLUICE_BINARY") or ROOT / "build/release/sluice")
PROGRAM = BINARY.parent / "tests/budget_request"
MOST_EACH = 300  # instructions a request; raise it only with a reason in the commit
REQUESTS = 300


@unittest.skipIf(os.environ.get("SLUICE_SANITIZED"), "a release build is measured")
class UnusedFeatures(unittest.TestCase):
    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_each_costs_few_instructions(self):
        confs = {"none": conf_of(), **{one.name: conf_of(one) for one in FEATURES}, "all": conf_of(*FEATURES)}
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            counts = dict(zip(confs, pool.map(lambda conf: instructions(BINARY, conf, REQUESTS, SERVING),
                                              confs.values())))

        base = counts.pop("none") / REQUESTS
        self.assertGreater(base, 500, f"nothing was counted: has {SERVING} another name?")
        costs = {name: count / REQUESTS - base for name, count in counts.items()}
        for name, cost in costs.items():
            print(f"{cost:6.0f} instructions: {name}")
        too_dear = {name: round(cost) for name, cost in costs.items() if name != "all" and cost > MOST_EACH}
        self.assertEqual(too_dear, {})
        self.assertLessEqual(costs["all"], MOST_EACH * len(FEATURES))

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
