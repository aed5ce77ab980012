# SPDX-License-Identifier: BSD-2-Clause
"""What the lint tests share: the floors table and the source files."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


def floors():
    """Room → floor, from floors.txt."""
    table = {}
    for line in (ROOT / "tests/lint/floors.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            room, floor = line.split()[:2]
            table[room] = int(floor)
    return table


def sources(*endings):
    """All files under src that end so, sorted."""
    return sorted(p for p in SRC.rglob("*") if p.suffix in (endings or (".h", ".cpp")))


def room_of(path):
    """The room that holds a path relative to src; None for src/main.cpp."""
    parts = Path(path).parts[:-1]
    return "/".join(parts) or None


def without_comments(text):
    """C++ text with comments and strings blanked, line numbers kept. An include keeps its name."""
    def blank(match):
        word = match.group(0)
        return re.sub(r"[^\n]", " ", word) if word[0] == "/" else '""' + "\n" * word.count("\n")

    lines = []
    for line in re.sub(r"/\*.*?\*/", blank, text, flags=re.S).split("\n"):
        if not line.lstrip().startswith("#include"):
            line = re.sub(r'"(?:\\.|[^"\\])*"|//.*', blank, line)
        lines.append(line)
    return "\n".join(lines)
