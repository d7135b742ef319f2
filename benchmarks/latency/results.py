"""What was found: every run of every round, of each engine, part and batch, and the figures made of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks.latency.engines import Engine
from benchmarks.latency.floors import NAN, Peaks
from benchmarks.latency.operations import Work
from benchmarks.latency.order import Order
from benchmarks.series import Series
from export.part import WHOLE, Part

FEWEST_FOR = {50: 1, 95: 20, 99: 100}
"""Runs without which a percentile would be the slowest run by another name."""


class Place(NamedTuple):
    """What was timed: a part of an engine, at one batch size."""

    part: Part
    batch: int


@dataclass(frozen=True)
class Timings:
    """Milliseconds of every run, round by round; of the GPU's clock too, where there is one."""

    rounds: tuple[tuple[float, ...], ...]
    device_rounds: tuple[tuple[float, ...], ...] = ()

    @property
    def runs(self) -> int:
        """In all rounds."""
        return sum(map(len, self.rounds))

    @property
    def medians(self) -> tuple[float, ...]:
        """Of each round."""
        return tuple(median(one) for one in self.rounds)

    @property
    def p50(self) -> float:
        """Median of the rounds' medians."""
        return median(self.medians)

    @property
    def device_p50(self) -> float:
        """The same by the GPU's clock."""
        found = [median(one) for one in self.device_rounds if one]
        return median(found) if found else NAN

    def percentile(self, percent: int) -> float:
        """Over the runs of all rounds; none where there are too few of them."""
        if self.runs < FEWEST_FOR[percent]:
            return NAN
        return float(np.percentile([value for one in self.rounds for value in one], percent))


@dataclass(frozen=True)
class Cost:
    """What an engine takes before its first answer: milliseconds, and megabytes."""

    load_ms: float
    library_mb: float
    """That the process holds when the library is loaded and nothing else."""
    loaded_mb: float
    """More, with the model; of a GPU's memory, where the engine runs on one."""
    batch_mb: float
    """More of it, with the largest batch in hand and answered."""
    largest: int
    compile_s: dict[int, float] = field(default_factory=dict)
    """By batch size, of an engine that compiles."""


@dataclass(frozen=True)
class Accuracy:
    """Of answers to sounds that the model has not heard."""

    share: float
    windows: int
    whose: str
    """Who measured it, on what."""


@dataclass(frozen=True)
class Found:
    """All that is known of an engine that ran here."""

    engine: Engine
    cost: Cost
    timings: dict[Place, Timings]
    works: dict[Part, Work]
    """By part."""
    accuracy: Accuracy | None = None
    agreement: float | None = None
    """Share of the clips that it names as PyTorch does."""
    too_slow: dict[int, float] = field(default_factory=dict)
    """Seconds of a run by the batch that was left out for it, with all that are larger."""

    def at(self, part: Part, batch: int) -> Timings | None:
        """Where it was timed."""
        return self.timings.get(Place(part, batch))

    def batches(self) -> list[int]:
        """Those that it was asked for as a whole."""
        return sorted(place.batch for place in self.timings if place.part == WHOLE)

    def series(self) -> Iterator[Series]:
        """Latency of every place; clips per second say the same once more, and would be judged a second time."""
        for (part, batch), timings in self.timings.items():
            title = self.engine.title if part == WHOLE else f"{self.engine.title}, {part}"
            yield Series(f"{title}/batch {batch}/p50", "ms", "lower", timings.medians)


@dataclass(frozen=True)
class Absent:
    """An engine that there is nothing to say of but why."""

    engine: Engine
    reason: str
    failed: bool = False
    """It was to be had, but broke."""

    @property
    def sentence(self) -> str:
        """As tables say it."""
        return f"{'failed' if self.failed else 'not here'}: {self.reason}"


@dataclass(frozen=True)
class Latencies:
    """The end of a measurement."""

    order: Order
    found: tuple[Found, ...]
    absent: tuple[Absent, ...]
    peaks: dict[bool, Peaks]
    """Of the processor, and by True of the GPU."""
    took_s: float

    @property
    def window_s(self) -> float:
        """Seconds of sound in a clip."""
        audio = self.order.bundle.manifest.audio
        return audio.window_samples / audio.sample_rate

    @property
    def rounds(self) -> int:
        """That there were, in the end."""
        return max(len(timings.rounds) for one in self.found for timings in one.timings.values())

    def floor_ms(self, one: Found, part: Part, batch: int) -> float:
        """The least that this part could take."""
        return self.peaks[one.engine.gpu].floor_ms(one.works.get(part), batch)
