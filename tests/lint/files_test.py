# SPDX-License-Identifier: BSD-2-Clause
"""Files as the house wants them: first lines, sizes, names, README of each room, package lists."""

import re
import statistics
import subprocess
import unittest

from house import ROOT, SRC, floors, room_of, sources

SPDX = "SPDX-License-Identifier: BSD-2-Clause"
FORBIDDEN_NAMES = {"util", "utils", "common", "misc", "manager", "impl", "helper", "helpers"}
LINE_LIMIT = 800
README_LIMIT = 40


def count_lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def listed(problems):
    return "\n" + "\n".join(str(p) for p in problems)


class Files(unittest.TestCase):
    def check(self, problems):
        problems = list(problems)
        self.assertEqual(problems, [], listed(problems))

    def test_licence_comes_first(self):
        files = sources() + sorted((ROOT / "tests").rglob("*.cpp")) + sorted((ROOT / "tests").rglob("*.py"))
        self.check(p.relative_to(ROOT) for p in files
                   if p.stat().st_size and SPDX not in "".join(p.open(encoding="utf-8").readlines()[:2]))

    def test_each_says_where_it_runs(self):
        def problems():
            for path in sources():
                head = "".join(path.open(encoding="utf-8").readlines()[:25])
                if not re.search(r"Runs in: (master|worker|logger|any)", head):
                    yield f"{path.relative_to(ROOT)}: no `Runs in: master | worker | logger | any`"
        self.check(problems())

    def test_headers_are_included_once(self):
        self.check(p.relative_to(ROOT) for p in sources(".h")
                   if not re.search(r"(?m)^#pragma once$", p.read_text("utf-8")))

    def test_no_file_is_too_long(self):
        files = sources() + sorted((ROOT / "tests").rglob("*.cpp")) + sorted((ROOT / "tests").rglob("*.py"))
        self.check(f"{p.relative_to(ROOT)}: {count_lines(p)} lines" for p in files
                   if count_lines(p) > LINE_LIMIT)

    def test_median_file_is_short(self):
        self.assertLessEqual(statistics.median([count_lines(p) for p in sources()]), 200)

    def test_names_say_something(self):
        def problems():
            for path in sources():
                words = set(re.split(r"[_/]", str(path.relative_to(SRC).with_suffix(""))))
                if words & FORBIDDEN_NAMES or not re.fullmatch(r"[a-z0-9_]+", path.stem):
                    yield path.relative_to(ROOT)
        self.check(problems())

    def test_every_room_has_a_short_readme(self):
        def problems():
            for room in floors():
                if not [p for p in sources() if room_of(p.relative_to(SRC)) == room]:
                    continue
                readme = SRC / room / "README.md"
                if not readme.exists():
                    yield f"src/{room}/README.md is missing"
                elif count_lines(readme) > README_LIMIT:
                    yield f"src/{room}/README.md: {count_lines(readme)} lines, {README_LIMIT} at most"
        self.check(problems())

    def test_a_todo_names_who_and_when(self):
        def problems():
            for path in sources():
                for number, line in enumerate(path.open(encoding="utf-8"), 1):
                    if re.search(r"\b(TODO|FIXME|XXX)\b", line) and \
                            not re.search(r"\bTODO\([\w .-]+, [^)]+\)", line):
                        yield f"{path.relative_to(ROOT)}:{number}: TODO(name, condition)"
        self.check(problems())

    def test_forbidden_words_of_style(self):
        words = re.compile(r"\b(shared_ptr|thread_local|dynamic_cast|sprintf|strcpy|strtok|atoi|goto|"
                           r"typeid|localtime)\b|using namespace|catch \(\.\.\.\)|std::function\b")
        allowed = {("main.cpp", "catch (...)")}

        def problems():
            for path in sources():
                for number, line in enumerate(path.open(encoding="utf-8"), 1):
                    match = words.search(re.sub(r"//.*", "", re.sub(r'"[^"]*"', '""', line)))
                    if match and (path.name, match[0]) not in allowed:
                        yield f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        self.check(problems())

    def test_image_and_scripts_build_with_the_same_packages(self):
        script = "cd tools && . ./packages.sh && printf '%s\\n' \"${build_packages[@]}\""
        wanted = subprocess.run(["bash", "-c", script], cwd=ROOT, text=True, check=True,
                                capture_output=True).stdout.split()
        dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        stage = re.search(r"AS build\nRUN(.*?)&& rm", dockerfile, re.S)[1]
        packages = stage.replace("\\\n", " ").split("--no-install-recommends")[1].split()

        self.assertEqual(sorted(packages), sorted(wanted))


if __name__ == "__main__":
    unittest.main()
