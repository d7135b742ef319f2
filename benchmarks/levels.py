"""What one load on one service came to, beside the bare engine on the same cores in the same minute."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.answers import OK, REFUSED, Answers, percentile
from benchmarks.raw import RawFigures

WARM_SHARE = 0.2
"""Of every load: what comes first finds idle cores and an empty queue, and is not counted."""


@dataclass(frozen=True)
class Level:
    """What one load came to."""

    name: str
    connections: int | None
    """None where requests came on their own, at `offered_per_s`."""
    offered_per_s: float | None
    requests: int
    codes: dict[str, int]
    good_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    raw: RawFigures
    server_cpu_ms: float
    """Per request that was answered well."""
    foreign_cores: float
    """That others used of the service's cores meanwhile: what makes figures worse than they are."""
    refusals: "Refusals | None" = None
    memory: "MemoryUnderLoad | None" = None
    raw_drift: float = 0.0
    """By which share the bare engine was faster in one of its two looks than in the other: a machine in unrest."""

    @property
    def errors(self) -> int:
        """Requests without a right answer; where more came than could be answered, refusals are none."""
        fine = {OK} if self.connections else {OK, REFUSED}
        return sum(count for code, count in self.codes.items() if code not in fine)

    @property
    def share_of_engine(self) -> float:
        """Of what the bare engine does."""
        return self.good_per_s / self.raw.clips_per_s

    @property
    def added_ms(self) -> float:
        """Median latency beyond engine and decoding."""
        return self.p50_ms - self.raw.engine_ms - self.raw.decode_ms

    @property
    def added_cpu_ms(self) -> float:
        """CPU time beyond engine and decoding."""
        return self.server_cpu_ms - self.raw.engine_cpu_ms - self.raw.decode_ms


@dataclass(frozen=True)
class Refusals:
    """How soon those heard of it that were refused for overload, from when the request was sent."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    client_lag_p99_ms: float
    """How late the client sent: beyond a few milliseconds, it was the client that could not keep up."""

    @classmethod
    def of(cls, answers: Answers) -> "Refusals":
        """Of those that were refused."""
        refused = answers.coded(REFUSED)
        times = refused.answering_ms
        p50, p99, most = (percentile(times, percent) for percent in (50, 99, 100))
        return cls(len(refused), p50, p99, most, percentile(answers.client_lag_ms, 99))


@dataclass(frozen=True)
class MemoryUnderLoad:
    """Resident memory of the service."""

    before_mb: float
    first_mb: float
    """Median of the first fifth, once the queue is full."""
    last_mb: float
    """Median of the last fifth."""
    peak_mb: float

    @classmethod
    def of(cls, before: float, held: list[float]) -> "MemoryUnderLoad | None":
        """Nothing can be said of a load that was too short to be looked at."""
        part = len(held) // 5
        if not part:
            return None
        return cls(before, float(np.median(held[:part])), float(np.median(held[-part:])), max(held))

    @property
    def growth(self) -> float:
        """While the load stayed the same."""
        return self.last_mb / self.first_mb - 1


@dataclass(frozen=True)
class Start:
    """One start of the process, on all cores that are used."""

    ready_s: float
    rss_mb: float
    pss_mb: float
    has_torch: bool


@dataclass(frozen=True)
class Round:
    """All loads, once."""

    lone: Level
    saturated: list[Level]
    overload: Level
    shared: list[Level]
    """On all cores, those of the client too; none where there is only one."""
    rss_after_mb: float
    """On the service's own cores, when all loads had gone over it."""


def figures(answers: Answers, seconds: float) -> dict[str, Any]:
    """Those of a level that come from the client alone."""
    warm = seconds * WARM_SHARE
    good = answers.coded(OK)
    times = good.due_between(warm, seconds).latency_ms
    p50, p95, p99 = (percentile(times, percent) for percent in (50, 95, 99))
    return {
        "requests": len(answers), "codes": answers.codes, "good_per_s": good.rate_between(warm, seconds),
        "p50_ms": p50, "p95_ms": p95, "p99_ms": p99,
    }  # fmt: skip
