"""The Markdown table and the JSON file."""

import json
import platform
from dataclasses import asdict
from pathlib import Path

from lib.judge import CONTROL, FLOOR, NGINX, ORDER, SLUICE, Interval, Row

HEAD = ["scenario", "sluice", "nginx", "control", "floor", "sluice ÷ nginx", "control ÷ nginx",
        "sluice ÷ floor", "bar", "probe p99 (worst), sluice", "nginx", "verdict"]


def markdown(rows: list[Row], is_judged: bool) -> str:
    """One line per scenario; CPU in µs per request."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for row in rows:
        cells = [row.scenario.title, *(measured(row, server) for server in ORDER), with_interval(row.to_nginx),
                 with_interval(row.control), with_interval(row.to_floor), bar_text(row),
                 latency(row, SLUICE), latency(row, NGINX), verdict(row, is_judged)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def measured(row: Row, server: str) -> str:
    """CPU per request, and the rate where that is what counts."""
    cpu = number(row.cpu[server]) + " µs"
    return cpu if row.scenario.metric == "cpu" else f"{row.rate[server] / 1000:.0f} k/s ({cpu})"


def number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def with_interval(interval: Interval) -> str:
    return f"{interval.value:.2f} ({interval.low:.2f}–{interval.high:.2f})"


def bar_text(row: Row) -> str:
    sign = "≤" if row.scenario.metric == "cpu" else "≥"
    text = f"{sign} {row.bars.nginx:.2f}"
    return text if row.bars.floor is None else f"{text} or {sign} {row.bars.floor:.2f} × floor"


def latency(row: Row, server: str) -> str:
    return f"{row.p99[server] / 1000:.2f} ms ({row.worst[server] / 1000:.1f})"


def verdict(row: Row, is_judged: bool) -> str:
    """Only SHORT makes the exit status 1."""
    if row.shortfalls:
        text = "SHORT: " + ", ".join(row.shortfalls)
    elif row.is_undecided:
        text = "undecided: past the bar, but within the noise"
    else:
        text = "good" if is_judged else "not judged"
    return "; ".join([text, *row.notes])


def write_json(path: Path, rows: list[Row], settings: dict) -> None:
    """Everything that was measured, round by round. Units are in the names."""
    content = {"machine": f"{platform.system()} {platform.release()} {platform.machine()}", **settings, "scenarios": []}
    for row in rows:
        content["scenarios"].append({
            "name": row.scenario.name,
            "title": row.scenario.title,
            "metric": row.scenario.metric,
            "bars": asdict(row.bars),
            "sluice_to_nginx": asdict(row.to_nginx),
            "control_to_nginx": asdict(row.control),
            "sluice_to_floor": asdict(row.to_floor),
            "shortfalls": row.shortfalls,
            "notes": row.notes,
            "servers": {server: rounds_of(row, server) for server in (SLUICE, NGINX, CONTROL, FLOOR)},
        })
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def rounds_of(row: Row, server: str) -> dict:
    rounds = row.measures[server]
    return {
        "cpu_us_per_request": [round(m.cpu_us, 3) for m in rounds],
        "requests_per_second": [round(m.rate) for m in rounds],
        "failed": sum(m.failed for m in rounds),
        "probe_p99_us": row.p99[server],
        "probe_worst_us": row.worst[server],
    }
