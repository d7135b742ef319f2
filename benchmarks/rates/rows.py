"""The rounds of `earshot bench load` brought together: a row for each rate, and series for whoever compares runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.answers import Seconds, percentile
from benchmarks.rates.ladder import Step
from benchmarks.rates.rounds import Found, Round
from benchmarks.series import Better, Series, gathered

LEAST_FOR_P999 = 1000
"""Answers in all rounds: of fewer, the 99.9th percentile would be the slowest one by another name."""

FOREIGN = 0.1
"""Of a core: what others use of the service's cores is said from here on."""


@dataclass(frozen=True)
class Row:
    """One rate over all rounds: medians, unless something else is said."""

    steps: Sequence[Step]
    capacity_per_s: float

    def median(self, figure: Callable[[Step], float]) -> float:
        """Over the rounds."""
        return median(map(figure, self.steps))

    @property
    def offered_per_s(self) -> float:
        """The same in each round."""
        return self.steps[0].offered_per_s

    @property
    def share(self) -> float:
        """Of the capacity."""
        return self.offered_per_s / self.capacity_per_s

    @property
    def p999_ms(self) -> float:
        """Of the answers of all rounds together, where they are enough."""
        times: Seconds = np.concatenate([one.latency_ms for one in self.steps])
        return percentile(times, 99.9) if times.size >= LEAST_FOR_P999 else float("nan")

    @property
    def errors(self) -> int:
        """In all rounds."""
        return sum(one.errors for one in self.steps)

    @property
    def unanswered(self) -> int:
        """In all rounds."""
        return sum(one.unanswered for one in self.steps)

    @property
    def is_limited_by_client(self) -> bool:
        """In most rounds."""
        return 2 * sum(one.is_limited_by_client for one in self.steps) > len(self.steps)

    @property
    def notes(self) -> str:
        """What makes the row less than it seems."""
        foreign = self.median(lambda one: one.foreign_cores)
        others = f"others used {foreign:.0%} of a core" if foreign > FOREIGN else ""
        return ", ".join(filter(None, ["limited by the client" if self.is_limited_by_client else "", others]))


def ladder(found: Found) -> list[Row]:
    """From the lowest rate to the highest."""
    return _rows(found, lambda one: one.ladder)


def urgent(found: Found) -> list[Row]:
    """Beyond the capacity, by requests in a hurry."""
    return _rows(found, lambda one: one.urgent)


def knee_of(found: Found) -> float:
    """Median of the rounds."""
    return median(one.knee.per_s for one in found.rounds)


def capacity_of(found: Found) -> float:
    """Median of the rounds."""
    return median(one.scenarios.offline.per_s for one in found.rounds)


def goodput_share(found: Found, steps: Callable[[Round], Sequence[Step]], figure: Callable[[Step], float]) -> float:
    """Under the highest rate, of what each round had as its capacity; not a number where no rate was too much."""
    shares = [figure(steps(one)[-1]) / one.scenarios.offline.per_s for one in found.rounds if steps(one)]
    return median(shares) if shares else float("nan")


def series_of(found: Found) -> list[Series]:
    """One for each figure that a later run is compared by."""

    def over(name: str, unit: str, better: Better, figure: Callable[[Round], float]) -> Series:
        return gathered(name, unit, better, map(figure, found.rounds))

    rows = [(row, _called(found, row), "") for row in ladder(found)]
    rows += [(row, _called(found, row), ", in a hurry") for row in urgent(found)]
    return [
        over("single stream/p50", "ms", "lower", lambda one: one.scenarios.single.p50_ms),
        over("single stream/p90", "ms", "lower", lambda one: one.scenarios.single.tail_ms),
        over("multi-stream/p99", "ms", "lower", lambda one: one.scenarios.multi.tail_ms),
        over("server/knee", "1/s", "higher", lambda one: one.knee.per_s),
        over("offline/throughput", "1/s", "higher", lambda one: one.scenarios.offline.per_s),
        over("offline/share of the engine", "", "higher", offline_share),
        over("offline/server CPU", "ms", "lower", lambda one: one.scenarios.offline.server_cpu_ms),
        *(series for row, name, how in rows for series in _series(row, name + how)),
    ]


def offline_share(one: Round) -> float:
    """Of what the bare engine does."""
    raw = one.scenarios.raw
    return one.scenarios.offline.per_s / raw.clips_per_s if raw else float("nan")


def _series(row: Row, name: str) -> Iterator[Series]:
    yield gathered(f"{name}/p50", "ms", "lower", (one.p50_ms for one in row.steps))
    yield gathered(f"{name}/p99", "ms", "lower", (one.p99_ms for one in row.steps))
    yield gathered(f"{name}/in time", "", "higher", (one.in_time for one in row.steps))
    yield gathered(f"{name}/answered", "1/s", "higher", (one.answered_per_s for one in row.steps))


def _called(found: Found, row: Row) -> str:
    """By what was asked for, so that the same step of another run has the same name."""
    return f"{row.offered_per_s:g} per s" if found.plan.rates else f"{row.share:.2f} of the capacity"


def _rows(found: Found, steps: Callable[[Round], Sequence[Step]]) -> list[Row]:
    together = zip(*map(steps, found.rounds), strict=True)
    return [Row(same, capacity_of(found)) for same in together]
