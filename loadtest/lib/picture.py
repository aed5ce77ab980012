"""The SVG picture: per scenario four bars of server CPU per request, with the bar to stay under."""

from html import escape
from pathlib import Path

from lib.judge import CONTROL, FLOOR, NGINX, ORDER, SLUICE, Row
from lib.report import number

LABELS = {SLUICE: "sluice", NGINX: "nginx", CONTROL: "nginx again", FLOOR: "floor"}
COLOURS = {SLUICE: "#1769aa", NGINX: "#6b8f3d", CONTROL: "#a9c285", FLOOR: "#b5b5b5"}
# Pixels.
WIDTH, LEFT, RIGHT, EDGE = 760, 110, 130, 16
HEAD, BAR, GAP, TITLE = 74, 18, 5, 26
GROUP = TITLE + len(ORDER) * (BAR + GAP) + 14


def write_svg(path: Path, rows: list[Row], subtitle: str) -> None:
    """Every scenario has its own scale: a 10 MB reply costs a hundred times what a small one does."""
    height = HEAD + GROUP * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" fill="#222">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        text(EDGE, 28, "Server CPU per request, µs (shorter is better)", size=18, weight="bold"),
        text(EDGE, 50, subtitle, colour="#555"),
    ]
    for index, row in enumerate(rows):
        parts += group(row, HEAD + index * GROUP)
    parts.append("</svg>")
    path.write_text("\n".join(parts) + "\n")


def group(row: Row, top: int) -> list[str]:
    """One scenario: its title, four bars with their spread over the rounds, the limit."""
    limit = cpu_limit(row)
    spread = {server: [m.cpu_us for m in row.measures[server]] for server in ORDER}
    largest = max(max(spread[server]) for server in ORDER)
    scale = (WIDTH - LEFT - RIGHT) / max(largest, limit or 0)
    first = top + TITLE
    parts = [text(EDGE, top + 16, row.scenario.title, size=14, weight="bold")]
    for place, server in enumerate(ORDER):
        y = first + place * (BAR + GAP)
        middle = y + BAR / 2
        parts += [
            text(LEFT - 8, y + 14, LABELS[server], anchor="end"),
            f'<rect x="{LEFT}" y="{y}" width="{row.cpu[server] * scale:.1f}" height="{BAR}" rx="2" '
            f'fill="{COLOURS[server]}"/>',
            line(LEFT + min(spread[server]) * scale, middle, LEFT + max(spread[server]) * scale, middle, "#222"),
            text(WIDTH - EDGE, y + 14, value(row, server), anchor="end"),
        ]
    if limit is not None:
        x = LEFT + limit * scale
        parts += [
            line(x, first - 4, x, first + len(ORDER) * (BAR + GAP) - GAP + 4, "#c62828", dashes="4 3"),
            text(x, first - 8, f"at most {number(limit)}", size=11, anchor="middle", colour="#c62828"),
        ]
    return parts


def value(row: Row, server: str) -> str:
    """The number at the right edge."""
    rate = f" · {row.rate[server] / 1000:.0f} k/s" if row.scenario.metric == "rate" else ""
    return number(row.cpu[server]) + rate


def cpu_limit(row: Row) -> float | None:
    """The looser bar in µs; none where requests per second are judged."""
    if row.scenario.metric != "cpu":
        return None
    limits = [row.bars.nginx * row.cpu[NGINX]]
    if row.bars.floor is not None:
        limits.append(row.bars.floor * row.cpu[FLOOR])
    return max(limits)


def text(x: float, y: float, words: str, *, size: int = 13, anchor: str = "start", weight: str = "normal",
         colour: str = "#222") -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{colour}">{escape(words)}</text>')


def line(x1: float, y1: float, x2: float, y2: float, colour: str, dashes: str = "none") -> str:
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="1.5" stroke-dasharray="{dashes}"/>')
