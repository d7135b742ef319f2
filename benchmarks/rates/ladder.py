"""Requests that come whether or not they are answered: what becomes of them at a given rate, and the knee.

The knee is the highest rate at which 99 of 100 requests still have their right answer in time; of fewer than a
hundred, all but one. What is refused, lost or late is not in time, so nothing is gained by refusing the hard ones.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.answers import OK, REFUSED, SILENT, Answers, Seconds, percentile
from benchmarks.levels import WARM_SHARE
from benchmarks.rates.places import Place

SHARES = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.2, 1.5, 2.0, 4.0)
"""Of the capacity, at which requests are offered."""

QUICK_SHARES = (0.4, 0.7, 0.9, 1.0, 2.0)

ONE_LATE_IN = 100
"""Requests: one of so many, or of fewer, may have its answer too late."""

BISECTIONS = 3
"""Between the last rate that holds and the first that does not: an eighth of the gap is left."""

CONFIRMED_BY, LONGER = 500, (2.0, 3.0)
"""Requests that confirm a knee, as far as they come within so many times the seconds of a load, from and to."""

CONFIRMATIONS, STEP_DOWN = 3, 0.95
"""Looks at most, each at so much of the rate before."""

CLIENT_SHARE = 0.25
"""Of the 99th percentile of latency: a client that is later than that has measured itself."""

DRAIN_S, DRAIN_TIMES = 1.0, 10
"""After a load, answers are waited for as long as the larger of this and so many times the bound."""

GIVEN_UP = "deadline_exceeded"
"""No error, where a request said itself by when it wants its answer."""


@dataclass(frozen=True)
class Step:
    """One rate, for so long, in one round."""

    offered_per_s: float
    urgent: bool
    """Whether requests said by when they want their answer."""
    due_per_s: float
    """That came, chance being what it is."""
    answered_per_s: float
    in_time_per_s: float
    """The goodput: right answers within the bound."""
    refused_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    refused_p99_ms: float
    """From when it was sent until a request was refused."""
    client_lag_ms: float
    """How late the client sent, 99th percentile."""
    server_cpu_ms: float
    foreign_cores: float
    counted: int
    """Requests that were due once the load was under way: what all figures are about."""
    punctual: int
    """Of these, answered rightly and in time."""
    requests: int
    codes: dict[str, int]
    latency_ms: Seconds = field(repr=False, compare=False)
    """Of each that was answered."""

    @property
    def in_time(self) -> float:
        """As a share of what came."""
        return self.punctual / max(1, self.counted)

    @property
    def holds(self) -> bool:
        """Whether the service is fast enough at this rate."""
        return self.counted - self.punctual <= max(1, self.counted // ONE_LATE_IN)

    @property
    def refused(self) -> float:
        """As a share of what came."""
        return self.refused_per_s / self.due_per_s if self.due_per_s else 0.0

    @property
    def unanswered(self) -> int:
        """When the client left."""
        return self.codes.get(SILENT, 0)

    @property
    def errors(self) -> int:
        """Neither answered rightly nor refused, nor left without an answer."""
        fine = {OK, REFUSED, SILENT, GIVEN_UP} if self.urgent else {OK, REFUSED, SILENT}
        return sum(count for code, count in self.codes.items() if code not in fine)

    @property
    def is_limited_by_client(self) -> bool:
        """Whether it was the client that could not keep up."""
        return self.client_lag_ms > CLIENT_SHARE * self.p99_ms

    def as_json(self) -> dict[str, Any]:
        """All but the single latencies."""
        figures = {name: value for name, value in asdict(self).items() if name != "latency_ms"}
        return figures | {"in_time": self.in_time, "holds": self.holds}


def offer(place: Place, rate: float, seconds: float, slo_ms: float, seed: int, *, urgent: bool = False) -> Step:
    """So many requests per second; urgent ones say that they want their answer within the bound or not at all."""
    answers, cost = place.opened(rate, seconds, seed, drained_s(slo_ms), slo_ms if urgent else None)
    warm = seconds * WARM_SHARE
    counted = answers.due_between(warm, seconds)
    good, refused = counted.coded(OK), counted.coded(REFUSED)
    times, length = good.latency_ms, seconds - warm
    punctual = int((times <= slo_ms).sum())
    p50, p95, p99 = (percentile(times, percent) for percent in (50, 95, 99))
    return Step(
        offered_per_s=rate, urgent=urgent, due_per_s=len(counted) / length,
        answered_per_s=_ended_between(answers.coded(OK), warm, seconds) / length, in_time_per_s=punctual / length,
        refused_per_s=len(refused) / length, counted=len(counted), punctual=punctual,
        p50_ms=p50, p95_ms=p95, p99_ms=p99, refused_p99_ms=percentile(refused.answering_ms, 99),
        client_lag_ms=percentile(counted.client_lag_ms, 99), **asdict(cost),
        requests=len(answers), codes=answers.codes, latency_ms=times,
    )  # fmt: skip


def drained_s(slo_ms: float) -> float:
    """Seconds for which answers are waited for after a load."""
    return max(DRAIN_S, DRAIN_TIMES * slo_ms / 1000)


def confirming_s(rate: float, seconds: float) -> float:
    """Seconds of the longer load that confirms this rate."""
    least, most = LONGER
    return min(max(least * seconds, CONFIRMED_BY / rate), most * seconds)


def _ended_between(answers: Answers, start: float, stop: float) -> int:
    """At low rates answers are too few for the rate from one to another to mean anything."""
    return int(((answers.ended >= start) & (answers.ended < stop)).sum())


@dataclass(frozen=True)
class Knee:
    """The highest rate that holds."""

    per_s: float
    is_confirmed: bool
    """By a load that lasts longer."""


def find_knee(
    ladder: Iterable[tuple[float, bool]],
    holds: Callable[[float], bool],
    confirms: Callable[[float], bool],
    bisections: int = BISECTIONS,
) -> Knee:
    """Below the first rate that was tried and failed, by halves; then down until a longer load holds as well.

    A rate above the first that failed held by luck. Where none failed, the search begins at the highest.
    """
    tried = sorted(ladder)
    failed = next((place for place, (_, held) in enumerate(tried) if not held), None)
    below = tried[:failed]
    low = below[-1][0] if below else 0.0
    if failed is not None:
        high = tried[failed][0]
        for _ in range(bisections):
            middle = (low + high) / 2
            low, high = (middle, high) if holds(middle) else (low, middle)
    for _ in range(CONFIRMATIONS if low else 0):
        if confirms(low):
            return Knee(low, is_confirmed=True)
        low *= STEP_DOWN
    return Knee(low, is_confirmed=False)
