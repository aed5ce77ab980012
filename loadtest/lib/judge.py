"""From rounds to verdicts: medians, bootstrap intervals, bars.

A row falls short only if the 95 % interval of its ratio lies wholly past the bar; where two bars are
given, only if it lies past both.
"""

import random
from dataclasses import dataclass, field
from statistics import median
from typing import Callable

from lib.load import Measure
from lib.scenarios import Bars, Scenario

RESAMPLES = 4000
JUDGED_ROUNDS = 9
JUDGED_SECONDS = 3
PROBE_RATIO = 1.5  # sluice's p99 over nginx's
PROBE_WORST_US = 50_000

SLUICE, NGINX, CONTROL, FLOOR = "sluice", "nginx", "control", "floor"
ORDER = [SLUICE, NGINX, CONTROL, FLOOR]


@dataclass
class Interval:
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass
class Row:
    """One scenario's result. CPU in microseconds per request, latencies in microseconds."""

    scenario: Scenario
    bars: Bars
    measures: dict[str, list[Measure]]
    cpu: dict[str, float]
    rate: dict[str, float]
    p99: dict[str, float]
    worst: dict[str, float]
    to_nginx: Interval
    to_floor: Interval
    control: Interval
    shortfalls: list[str] = field(default_factory=list)
    is_undecided: bool = False  # past the bar, but the bar lies within the interval
    notes: list[str] = field(default_factory=list)


def bootstrap(rounds: int, statistic: Callable[[list[int]], float]) -> Interval:
    """`statistic` gets round numbers and is worked out anew on rounds drawn with replacement.

    Whole rounds are drawn, so what the machine did to all servers of a round stays together.
    """
    dice = random.Random(1)
    drawn = sorted(statistic(dice.choices(range(rounds), k=rounds)) for _ in range(RESAMPLES))
    edge = round(RESAMPLES * 0.025)
    return Interval(statistic(list(range(rounds))), drawn[edge], drawn[-1 - edge])


def ratio(above: list[float], below: list[float]) -> Interval:
    """Ratio of the medians of two lists with one value per round."""
    return bootstrap(len(above), lambda rounds: median(above[i] for i in rounds) / median(below[i] for i in rounds))


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


def judge(scenario: Scenario, bars: Bars, measures: dict[str, list[Measure]], is_judged: bool) -> Row:
    """Makes the row of one scenario. Failed requests count in every run, bars only where `is_judged`."""
    def series(server: str) -> list[float]:
        return [m.cpu_us if scenario.metric == "cpu" else m.rate for m in measures[server]]

    row = Row(
        scenario, bars, measures,
        cpu={server: median(m.cpu_us for m in rounds) for server, rounds in measures.items()},
        rate={server: median(m.rate for m in rounds) for server, rounds in measures.items()},
        p99={server: median(round_p99(m) for m in rounds) for server, rounds in measures.items()},
        worst={server: max(max(m.probe_us, default=0) for m in rounds) for server, rounds in measures.items()},
        to_nginx=ratio(series(SLUICE), series(NGINX)),
        to_floor=ratio(series(SLUICE), series(FLOOR)),
        control=ratio(series(CONTROL), series(NGINX)))
    for server, rounds in measures.items():
        failed = sum(m.failed for m in rounds)
        if failed:
            row.shortfalls.append(f"{server}: {failed} failed requests")
    if is_judged:
        judge_speed(row)
        judge_latency(row)
    if abs(row.control.value - 1) > 0.05:
        row.notes.append("the control is off by more than 5 %: a noisy run")
    return row


def judge_speed(row: Row) -> None:
    """Short where the whole interval is past every bar; undecided where only the value is."""
    if all(is_past(row, interval.low, interval.high, bar) for interval, bar in compared(row)):
        row.shortfalls.append("speed")
    elif all(is_past(row, interval.value, interval.value, bar) for interval, bar in compared(row)):
        row.is_undecided = True


def compared(row: Row) -> list[tuple[Interval, float]]:
    """The ratios that have a bar, each with it."""
    pairs = [(row.to_nginx, row.bars.nginx)]
    return pairs if row.bars.floor is None else [*pairs, (row.to_floor, row.bars.floor)]


def is_past(row: Row, low: float, high: float, bar: float) -> bool:
    """Whether all of `low` to `high` is on the wrong side: above for CPU, below for requests per second."""
    return low > bar if row.scenario.metric == "cpu" else high < bar


def judge_latency(row: Row) -> None:
    ours, theirs = row.measures[SLUICE], row.measures[NGINX]
    p99 = ratio([round_p99(m) for m in ours], [round_p99(m) for m in theirs])
    if p99.low > PROBE_RATIO:
        row.shortfalls.append(f"probe p99 {p99.value:.2f} × nginx's")
    worst = [max(m.probe_us, default=float("inf")) for m in ours]
    if bootstrap(len(worst), lambda rounds: median(worst[i] for i in rounds)).low > PROBE_WORST_US:
        row.shortfalls.append("probe over 50 ms in most rounds")


def round_p99(measure: Measure) -> float:
    return percentile(measure.probe_us, 0.99)
