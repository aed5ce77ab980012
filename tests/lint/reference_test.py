# SPDX-License-Identifier: BSD-2-Clause
"""docs/directives.md is what the binary prints; a changed row changes it in the same commit."""

import os
import subprocess
import unittest

from house import ROOT

BINARY = os.environ.get("SLUICE_BINARY") or str(ROOT / "build/release/sluice")


class Reference(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(BINARY), "not built")
    def test_is_fresh(self):
        printed = subprocess.run([BINARY, "--reference"], text=True, capture_output=True, timeout=30,
                                 check=False)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        file = ROOT / "docs" / "directives.md"

        self.assertTrue(file.exists(), "run: sluice --reference > docs/directives.md")
        self.assertEqual(file.read_text(encoding="utf-8").splitlines(), printed.stdout.splitlines(),
                         "stale; run: sluice --reference > docs/directives.md")


if __name__ == "__main__":
    unittest.main()
