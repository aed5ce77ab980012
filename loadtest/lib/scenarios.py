"""The table of scenarios: what is asked, what must come back, and the bars. The only place to add one."""

import os
from dataclasses import dataclass
from pathlib import Path

K = 1024
M = 1024 * K
MTIME = 1704067200  # seconds since the epoch, of every served file
MTIME_TEXT = "Mon, 01 Jan 2024 00:00:00 GMT"
RANDOM_PATHS = 10_000  # as in wrk/random_paths.lua


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
    has_file: bool = True  # `path` is a file; else the configuration makes the reply

    def floor_reply(self) -> str:
        """The floor's argument for this scenario."""
        ending = ":close" if self.header == ("Connection", "close") else ""
        return f"{self.path.partition('?')[0]}={self.status}:{self.size}{ending}"

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
    Scenario("return", "return 200", "/return", 25, Bars(0.85, 1.20), has_file=False),
    Scenario("random", "10,000 files of 2 KB at random", "/random/", 2 * K, Bars(0.65, 1.25),
             script="random_paths.lua", checked_path="/random/0"),
    Scenario("range", "1 KB range of 10 MB", "/range", K, Bars(0.65, 1.25), status=206,
             header=("Range", "bytes=5000000-5001023")),
    Scenario("new", "new connection each", "/new", 612, Bars(1.03, 1.15),
             header=("Connection", "close")),
    Scenario("pipelined", "612 B, 16 pipelined", "/pipelined", 612, Bars(4.0, 0.6),
             script="pipelined.lua", metric="rate"),
    Scenario("rewrite", "20 rewrite rules, the last matches, 612 B", "/rewrite/shop/garden-chair-4217.html", 612,
             Bars(0.90), has_file=False),
    Scenario("rewrite_return", "20 rewrite rules before return", "/rewrite/store/garden-chair-4217.html", 25,
             Bars(0.90, 1.20), has_file=False),
    Scenario("map", "map of 10,000 entries, all at random, 612 B", "/map?k=", 612, Bars(0.90),
             script="random_paths.lua", checked_path="/map?k=4217"),
    Scenario("map_return", "map of 10,000 entries before return", "/map_return?k=", 21, Bars(0.90, 1.20),
             script="random_paths.lua", checked_path="/map_return?k=4217", has_file=False),
    Scenario("limit_req", "limit_req by address, 612 B", "/limit_address", 612, Bars(0.90)),
    Scenario("limit_req_keys", "limit_req by 10,000 keys, 612 B", "/limit_key?k=", 612, Bars(0.90),
             script="random_paths.lua", checked_path="/limit_key?k=4217"),
    Scenario("access_log", "access log of 15 variables, buffered, 612 B", "/logged", 612, Bars(0.90)),
    Scenario("access_log_unbuffered", "access log of 15 variables, unbuffered, 612 B", "/logged_unbuffered", 612,
             Bars(0.90)),
    Scenario("access_log_return", "access log of 15 variables before return", "/logged_return", 25,
             Bars(0.90, 1.20), has_file=False),
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
        if not scenario.has_file:
            continue
        if scenario.name == "random":
            (root / "random").mkdir(mode=0o755)
            for index in range(RANDOM_PATHS):
                write(f"random/{index}", scenario.size)
        elif scenario.status == 206:
            write(scenario.path[1:], 10 * M)
        elif scenario.status == 304:
            write(scenario.path[1:], 612)
        elif scenario.status == 200:
            write(scenario.path.partition("?")[0][1:], scenario.size)


def write_map(file: Path) -> None:
    """The lines of the `map` that both servers include: a value of one length for each random key."""
    file.write_text("".join(f"{index} shelf-{index:05};\n" for index in range(RANDOM_PATHS)))
