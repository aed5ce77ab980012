#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs test programs, some at a time, each with a time limit, and counts single tests.

    tests/run.py [--unit DIR] [--fuzz DIR --seconds N] [FOLDER|FILE...] [--only NAME...]

Python tests are files test_*.py and *_test.py (unittest). GoogleTest programs are DIR/unit_*, fuzz
targets DIR/fuzz_*. A file with a line `# Runs: alone` has the machine for itself (as everything in
tests/budget has); `# Time limit: 600 s` raises its limit. Last line: `N passed, N failed, N skipped`.

A Python or unit test program that fails runs once more, alone, after all others. If it passes then, it
counts as passed and is listed as unsteady: somebody has to mend it. There is no second run for a crash,
a sanitizer's report, a program that does not end or one that ends before its tests have, none where more than MOST_UNSTEADY programs failed
(the run fails), and none with SLUICE_STRICT=1.
"""

import argparse
import concurrent.futures
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_LIMIT = 300  # seconds; for what hangs, not for what is slow
SLOWDOWN = 2 if os.environ.get("SLUICE_SANITIZED") else 1
# One program that a busy machine upset says little about the product; more of them say that it is ill.
MOST_UNSTEADY = 3
# What is never blamed on the machine: reports of sanitizers and deaths by SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV,
# as a log, the harness or a comparison of exit codes tells them.
NEVER_BY_CHANCE = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:|"
                             r"core dumped|Segmentation fault|exited on signal (4|6|7|8|11)\b|"
                             r"(exit code|exited with) -(4|6|7|8|11)\b|Error: -(4|6|7|8|11) != |!= -(4|6|7|8|11)\b")
# Folders whose files are first inputs of a fuzz target, besides tests/fuzz/corpus/<target>.
SEEDS = {
    "conf_text": ["conf", "../shared/corpora/nginx-config"],
    "request_head": ["../shared/corpora/http1-seeds"],
    "request_target": ["../shared/corpora/url-seeds"],
}


class Program:
    """One thing to run: its name, its kind and how long it may take."""

    def __init__(self, path, kind, limit=DEFAULT_LIMIT, alone=False):
        self.path, self.kind, self.limit, self.alone = Path(path).resolve(), kind, limit, alone
        try:
            self.name = str(self.path.relative_to(ROOT))
        except ValueError:
            self.name = str(self.path)


class Outcome:
    """What came of one program."""

    def __init__(self, program, passed=0, failed=0, skipped=0, output="", seconds=0.0):
        self.program, self.output, self.seconds = program, output, seconds
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.failures, self.skips = [], []
        self.ended_itself = True
        self.has_report = True

    def may_be_unsteady(self):
        """Whether this failure may come from a busy machine, so that a second run is worth it."""
        return bool(self.failed and self.ended_itself and self.program.kind in ("python", "unit")
                    and not NEVER_BY_CHANCE.search(self.output))


def python_program(path):
    text = path.read_text(encoding="utf-8")
    limit = re.search(r"(?m)^# Time limit: (\d+) s", text)
    alone = re.search(r"(?m)^# Runs: alone", text) or path.parent.name == "budget"
    return Program(path, "python", (int(limit[1]) if limit else DEFAULT_LIMIT) * SLOWDOWN, bool(alone))


def discover(arguments):
    programs = []
    for place in arguments.places:
        place = Path(place)
        files = [place] if place.is_file() else sorted(place.rglob("*.py"))
        programs += [python_program(file) for file in files
                     if file.is_file() and (place.is_file() or re.match(r"test_|.*_test\.py$", file.name))]
    for folder, kind, limit in ((arguments.unit, "unit", DEFAULT_LIMIT * SLOWDOWN),
                                (arguments.fuzz, "fuzz", arguments.seconds + 120)):
        for file in sorted(Path(folder).glob(kind + "_*")) if folder else []:
            if file.is_file() and os.access(file, os.X_OK):
                programs.append(Program(file, kind, limit))
    if arguments.only:
        programs = [p for p in programs if any(name in p.name for name in arguments.only)]
    return programs


def command_of(program, report, seconds):
    if program.kind == "python":
        return [sys.executable, str(Path(__file__).resolve()), "--child", str(program.path),
                "--report", report]
    if program.kind == "unit":
        return [str(program.path), f"--gtest_output=json:{report}", "--gtest_brief=1"]
    target = program.path.name.removeprefix("fuzz_")
    corpora = [ROOT / place for place in [f"tests/fuzz/corpus/{target}", *SEEDS.get(target, [])]]
    command = [str(program.path), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=1", f"-artifact_prefix={program.path}."]
    # Long inputs are parsed slowly and find nothing that a short one does not.
    command += ["-max_len=4096"]
    if os.environ.get("SLUICE_FUZZ_SEED"):
        command += [f"-seed={os.environ['SLUICE_FUZZ_SEED']}"]
    # New inputs go to a folder of their own beside the program, never into the tree.
    found = program.path.parent / (program.path.name + ".corpus")
    found.mkdir(exist_ok=True)
    return command + [str(found)] + [str(corpus) for corpus in corpora if corpus.is_dir()]


def run_program(program, seconds):
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sluice-report-") as folder:
        report = os.path.join(folder, "report.json")
        # Output goes to a file: a process left behind by a test must not keep us waiting on a pipe.
        with open(os.path.join(folder, "output"), "w+b") as output:
            process = subprocess.Popen(command_of(program, report, seconds), cwd=ROOT,
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       start_new_session=True)
            late = False
            try:
                process.wait(program.limit)
            except subprocess.TimeoutExpired:
                late = True
                end_session(process)
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        outcome = read_report(program, report, process.returncode)
    outcome.output, outcome.seconds = text, time.monotonic() - start
    outcome.ended_itself = not late and process.returncode >= 0 and outcome.has_report
    if late:
        outcome.failed += 1
        outcome.failures.append(f"not finished after {program.limit} s")
    return outcome


def end_session(process):
    """Ends a program that is past its limit: first so that it can print where it hangs."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
            return
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def read_report(program, report, code):
    outcome = Outcome(program)
    try:
        with open(report, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError):
        data = None
    if program.kind == "unit" and data is not None:
        for suite in data["testsuites"]:
            for test in suite["testsuite"]:
                if test.get("failures"):
                    outcome.failed += 1
                    outcome.failures.append(f"{suite['name']}.{test['name']}")
                elif test.get("result") == "SKIPPED" or test.get("status") == "NOTRUN":
                    outcome.skipped += 1
                else:
                    outcome.passed += 1
    elif program.kind == "python" and data is not None:
        outcome.passed, outcome.failed, outcome.skipped = data["passed"], data["failed"], len(data["skips"])
        outcome.failures, outcome.skips = data["failures"], data["skips"]
    elif program.kind == "fuzz" and code == 0:
        outcome.passed = 1
    outcome.has_report = data is not None or program.kind == "fuzz"
    if outcome.failed == 0 and (code != 0 or not outcome.has_report):
        # A test that calls exit(0) takes those behind it with it.
        outcome.failed += 1
        outcome.failures.append(f"ended with {code}" + ("" if outcome.has_report else " and no report"))
    return outcome


def print_outcome(outcome):
    verdict = "FAILED" if outcome.failed else "ok"
    print(f"{verdict:6} {outcome.program.name}  ({outcome.passed} passed, {outcome.failed} failed, "
          f"{outcome.skipped} skipped, {outcome.seconds:.1f} s)")
    for reason in outcome.skips:
        print(f"       skipped: {reason}")
    if outcome.failed:
        for name in outcome.failures:
            print(f"       failed: {name}")
        print_output(outcome)
    sys.stdout.flush()


def print_output(outcome):
    lines = outcome.output.splitlines()
    if len(lines) > 300:
        lines = lines[:100] + [f"[{len(lines) - 300} lines left out]"] + lines[-200:]
    print("\n".join("    | " + line for line in lines))


def run_all(programs, jobs, seconds):
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        shared = [p for p in programs if not p.alone]
        for future in concurrent.futures.as_completed(
                [pool.submit(run_program, program, seconds) for program in shared]):
            outcomes.append(future.result())
            print_outcome(outcomes[-1])
    for program in (p for p in programs if p.alone):
        outcomes.append(run_program(program, seconds))
        print_outcome(outcomes[-1])
    return outcomes


def run_again(outcomes, seconds):
    """Runs what failed, perhaps by chance, once more, alone. Gives the outcomes that count, and the
    first ones of all that passed the second time."""
    doubtful = [outcome for outcome in outcomes if outcome.may_be_unsteady()]
    if len(doubtful) > MOST_UNSTEADY:
        print(f"{len(doubtful)} programs failed: too many for chance, none runs again")
        return outcomes, []
    unsteady = []
    for first in doubtful:
        print(f"once more, alone: {first.program.name}")
        second = run_program(first.program, seconds)
        print_outcome(second)
        if not second.failed:
            unsteady.append(first)
            outcomes = [second if outcome is first else outcome for outcome in outcomes]
    return outcomes, unsteady


def print_unsteady(unsteady):
    print("\nUnsteady, and to be mended:")
    for first in unsteady:
        print(f"unsteady: {first.program.name}: failed once, passed alone")
        for name in first.failures:
            print(f"       failed: {name}")
        print_output(first)


class CountingResult(unittest.TextTestResult):
    """Counts tests; a test with failed subtests is one failure."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.bad, self.skips, self.good = {}, [], 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.good += 1

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.bad[test.id()] = True

    def addError(self, test, err):
        super().addError(test, err)
        self.bad[test.id()] = True

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.bad[test.id()] = True

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.bad[test.id()] = True

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skips.append(f"{test.id()}: {reason}")


def run_child(path, report):
    """Runs one unittest file in this process and writes its counts."""
    import faulthandler
    faulthandler.enable()
    path = Path(path)
    # `support` of the system tests is at hand for all of them.
    sys.path[:0] = [str(path.parent), str(ROOT / "tests" / "system"), str(ROOT / "tests")]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=CountingResult).run(suite)
    data = {
        "passed": result.good,
        "failed": len(result.bad),
        "failures": sorted(result.bad),
        "skips": result.skips,
    }
    with open(report, "w", encoding="utf-8") as file:
        json.dump(data, file)
    return 0 if not result.bad else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("places", nargs="*", metavar="FOLDER|FILE")
    parser.add_argument("--unit", metavar="DIR")
    parser.add_argument("--fuzz", metavar="DIR")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--report", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return run_child(arguments.child, arguments.report)

    jobs = int(os.environ.get("SLUICE_JOBS") or len(os.sched_getaffinity(0)))
    outcomes = run_all(discover(arguments), jobs, arguments.seconds)
    unsteady = []
    if not os.environ.get("SLUICE_STRICT"):
        outcomes, unsteady = run_again(outcomes, arguments.seconds)
    failed = [o for o in outcomes if o.failed]
    if unsteady:
        print_unsteady(unsteady)
    if failed:
        print("\nFailed:")
        for outcome in failed:
            for name in outcome.failures:
                print(f"  {outcome.program.name}: {name}")
    if not outcomes:
        print("no test found", file=sys.stderr)
    print(f"{sum(o.passed for o in outcomes)} passed, {sum(o.failed for o in outcomes)} failed, "
          f"{sum(o.skipped for o in outcomes)} skipped")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
