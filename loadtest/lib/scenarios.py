"""The table of scenarios: what is asked, what must come back, and the bars. The only place to add one."""

import os
from dataclasses import dataclass
from pathlib import Path

K = 1024
M = 1024 * K
MTIME = 1704067200  # seconds since the epoch, of every served file
MTIME_TEXT = "Mon, 01 Jan 2024 00:00:00 GMT"
RANDOM_FILES = 10_000


@dataclass(frozen=True)
class Bars:
    """sluice's result divided by nginx's and by the floor's. Where both are given, the looser counts."""

    nginx: float
    floor: float | None = None


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    title: str
    path: str  # asked by wrk, with `script` as the script understands it
    size: int  # bytes of the reply's body
    bars: Bars  # what a run is judged by
    goal: Bars | None = None  # what `--goal` judges by, where that is stricter
    status: int = 200
    connections: int = 64
    header: tuple[str, str] | None = None
    script: str | None = None  # file in wrk/
    metric: str = "cpu"  # "cpu": server CPU per request, at most; "rate": requests per second, at least
    is_default: bool = False
    checked_path: str | None = None  # asked once before the load, where `path` is none itself

    def floor_reply(self) -> str:
        """The floor's argument for this scenario."""
        ending = ":close" if self.header == ("Connection", "close") else ""
        return f"{self.path}={self.status}:{self.size}{ending}"

    def bars_for(self, goal: bool) -> Bars:
        return self.goal if goal and self.goal else self.bars


SCENARIOS = [
    Scenario("612", "612 B", "/612", 612, Bars(0.85), Bars(0.80, 1.20), is_default=True),
    Scenario("4k", "4 KB", "/4k", 4 * K, Bars(0.85), Bars(0.75, 1.25), is_default=True),
    Scenario("100k", "100 KB", "/100k", 100 * K, Bars(0.95, 1.20)),
    Scenario("10m", "10 MB, 8 connections", "/10m", 10 * M, Bars(1.03, 1.15), connections=8),
    Scenario("404", "404", "/missing", 153, Bars(0.85, 1.20), status=404),
    Scenario("304", "304", "/unchanged", 0, Bars(0.85, 1.20), status=304,
             header=("If-Modified-Since", MTIME_TEXT)),
    Scenario("return", "return 200", "/return", 25, Bars(0.85, 1.20)),
    Scenario("random", "10,000 files of 2 KB at random", "/random/", 2 * K, Bars(0.65, 1.25),
             script="random_files.lua", checked_path="/random/0"),
    Scenario("range", "1 KB range of 10 MB", "/range", K, Bars(0.65, 1.25), status=206,
             header=("Range", "bytes=5000000-5001023")),
    Scenario("new", "new connection each", "/new", 612, Bars(1.03, 1.15),
             header=("Connection", "close")),
    Scenario("pipelined", "612 B, 16 pipelined", "/pipelined", 612, Bars(4.0, 0.6),
             script="pipelined.lua", metric="rate"),
]


def write_files(root: Path, scenarios: list[Scenario]) -> None:
    """Makes the files that the scenarios (and the probe: /612) ask for, all of the same age."""
    def write(name: str, size: int) -> None:
        path = root / name
        path.write_bytes(b"x" * size)
        path.chmod(0o644)
        os.utime(path, (MTIME, MTIME))

    write("612", 612)
    for scenario in scenarios:
        if scenario.name == "random":
            (root / "random").mkdir(mode=0o755)
            for index in range(RANDOM_FILES):
                write(f"random/{index}", scenario.size)
        elif scenario.status == 206:
            write(scenario.path[1:], 10 * M)
        elif scenario.status == 304:
            write(scenario.path[1:], 612)
        elif scenario.status == 200 and scenario.name != "return":
            write(scenario.path[1:], scenario.size)
