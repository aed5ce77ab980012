# SPDX-License-Identifier: BSD-2-Clause
# Time limit: 600 s
"""Every header compiles alone. The build has shown it of each header that some source includes first;
the others are compiled here, unless their bytes, and their house includes' bytes, passed before."""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import unittest
from pathlib import Path

from house import ROOT, SRC, sources

CACHE = ROOT / "build" / "lint" / "headers.json"


def build_entries():
    """What the release build compiled, and how."""
    with open(ROOT / "build/release/compile_commands.json", encoding="utf-8") as file:
        return json.load(file)


def included_first(entries):
    """The headers that stand before all others in a source that the build compiled."""
    found = set()
    for entry in entries:
        source = Path(entry["file"])
        text = source.read_text(encoding="utf-8") if source.exists() else ""
        first = re.search(r'(?m)^#include ["<]([^">]+)[">]', text)
        found.add(first[1] if first else "")
    return found


def compile_command(entries):
    """The compiler and the flags of some house file, from the release build."""
    flags, compiler = [], None
    for entry in entries:
        if not entry["file"].startswith(str(SRC)):
            continue
        words = [w for w in shlex.split(entry["command"]) if "ccache" not in w]
        compiler = compiler or words[0]
        # Rooms see different packages; a header may use all that its own floor may, so take all.
        for index, word in enumerate(words):
            if word in ("-isystem", "-iquote"):
                pair = [word, words[index + 1]]
                if not any(flags[i:i + 2] == pair for i in range(len(flags))):
                    flags += pair
            elif re.match(r"-(D|I|std=|f)", word) and word not in flags:
                flags.append(word)
    return [compiler, *flags, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++", "-"]


def digest(header, seen=None):
    """A hash of the header and all house headers below it."""
    seen = set() if seen is None else seen
    if header in seen or not header.exists():
        return ""
    seen.add(header)
    text = header.read_text(encoding="utf-8")
    below = [digest(SRC / name, seen) for name in re.findall(r'#include "([^"]+)"', text)]
    return hashlib.sha256("".join([text, *below]).encode()).hexdigest()


class Headers(unittest.TestCase):
    @unittest.skipUnless((ROOT / "build/release/compile_commands.json").exists(), "not built")
    def test_each_compiles_alone(self):
        entries = build_entries()
        command = compile_command(entries)
        known = json.loads(CACHE.read_text("utf-8")) if CACHE.exists() else {}
        if known.get("command") != command:
            known = {"command": command, "good": {}}
        shown = included_first(entries)
        wanted = {str(h.relative_to(SRC)): digest(h) for h in sources(".h")
                  if str(h.relative_to(SRC)) not in shown}
        self.assertTrue(wanted)
        todo = [name for name, value in wanted.items() if known["good"].get(name) != value]

        def compile_alone(name):
            return name, subprocess.run(command, input=f'#include "{name}"\n', text=True,
                                        capture_output=True, check=False)

        problems = []
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for name, result in pool.map(compile_alone, todo):
                if result.returncode == 0:
                    known["good"][name] = wanted[name]
                else:
                    problems.append(f"{name}:\n{result.stderr[:2000]}")
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        CACHE.write_text(json.dumps(known), encoding="utf-8")

        self.assertEqual(len(problems), 0, "\n" + "\n".join(problems))


if __name__ == "__main__":
    unittest.main()
