# SPDX-License-Identifier: BSD-2-Clause
"""The runner itself: what fails once is run once more, alone, and told; what may not be chance is not."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

from house import ROOT

# Fails as long as no file of its name with ".seen" lies beside it.
ONCE = """
import unittest
from pathlib import Path
class T(unittest.TestCase):
    def test_other(self):
        pass
    def test_it(self):
        seen = Path(__file__ + ".seen")
        first = not seen.exists()
        seen.touch()
        if first:
            %s
"""
FAIL = 'self.fail("first words")'
# What GoogleTest would write, by a script.
UNIT = """#!%s
import json, sys
from pathlib import Path
seen = Path(__file__ + ".seen")
first = not seen.exists()
seen.touch()
report = [a for a in sys.argv if a.startswith("--gtest_output=json:")][0].partition(":")[2]
test = {"name": "It", "status": "RUN", "result": "COMPLETED", **({"failures": [1]} if first else {})}
Path(report).write_text(json.dumps({"testsuites": [{"name": "S", "testsuite": [test]}]}))
sys.exit(1 if first else 0)
""" % sys.executable


class Runner(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sluice-runner-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def once(self, name, what=FAIL):
        (self.folder / f"test_{name}.py").write_text(ONCE % what, encoding="utf-8")

    def run_it(self, *arguments, **environment):
        """The exit code, all that was printed, and its last line."""
        kept = {name: value for name, value in os.environ.items() if name != "SLUICE_STRICT"}
        result = subprocess.run([sys.executable, ROOT / "tests/run.py", *arguments, self.folder],
                                env={**kept, **environment}, text=True, capture_output=True, check=False)
        return result.returncode, result.stdout, result.stdout.splitlines()[-1]

    def test_what_passes_alone_counts_as_passed_and_is_told(self):
        self.once("weak")

        code, text, last = self.run_it()

        self.assertEqual((code, last), (0, "2 passed, 0 failed, 0 skipped"))
        told = text[text.index("\nUnsteady"):]
        self.assertIn("test_weak.py: failed once, passed alone", told)
        self.assertIn("first words", told)

    def test_a_unit_program_too(self):
        program = self.folder / "unit_x"
        program.write_text(UNIT, encoding="utf-8")
        program.chmod(0o755)

        code, text, last = self.run_it("--unit", self.folder)

        self.assertEqual((code, last), (0, "1 passed, 0 failed, 0 skipped"))
        self.assertIn("unit_x: failed once, passed alone", text)

    def test_what_fails_twice_has_failed(self):
        (self.folder / "test_bad.py").write_text(textwrap.dedent("""
            import unittest
            class T(unittest.TestCase):
                def test_it(self):
                    self.fail()
            """), encoding="utf-8")

        code, text, last = self.run_it()

        self.assertEqual((code, last), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertNotIn("Unsteady", text)

    def test_no_second_run_for_what_is_no_chance(self):
        for what in ('self.fail("==1==ERROR: AddressSanitizer: heap-use-after-free")',
                     'self.fail("a.cpp:1:2: runtime error: signed integer overflow")',
                     'self.fail("worker process 7 exited on signal 11")',
                     'self.fail("exit code -11")', "self.assertEqual(-6, 0)", "self.assertEqual(0, -11)",
                     "import os; os._exit(0)", "import os; os._exit(1)",
                     "import os; os.abort()"):
            with self.subTest(what):
                self.once("crash", what)
                (self.folder / "test_crash.py.seen").unlink(missing_ok=True)
                code, text, last = self.run_it()
                self.assertEqual(code, 1)
                self.assertIn(" 1 failed,", last)
                self.assertNotIn("once more", text)

    def test_no_second_run_when_strict(self):
        self.once("weak")

        code, text, last = self.run_it(SLUICE_STRICT="1")

        self.assertEqual((code, last), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertNotIn("once more", text)

    def test_three_may_be_unsteady(self):
        for i in range(3):
            self.once(f"weak{i}")

        code, text, last = self.run_it()

        self.assertEqual((code, last), (0, "6 passed, 0 failed, 0 skipped"))
        self.assertEqual(text.count("failed once, passed alone"), 3)

    def test_four_may_not(self):
        for i in range(4):
            self.once(f"weak{i}")

        code, text, last = self.run_it()

        self.assertEqual((code, last), (1, "4 passed, 4 failed, 0 skipped"))
        self.assertIn("too many for chance", text)
        self.assertNotIn("once more", text)


if __name__ == "__main__":
    unittest.main()
