"""The bare engine: what ONNX Runtime alone makes of these cores. Its process waits while the service is measured.

Every figure of the service is set against it, taken before and after on the same cores, since cores that are shared
with strangers are not equally fast at all times.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from benchmarks.child import Child, closed_if_it_fails
from benchmarks.processes import Cpus


@dataclass(frozen=True)
class RawFigures:
    """Of the bare engine on the cores that it was given, with one thread on each."""

    clips_per_s: float
    """At the better of the smallest and the largest batch."""
    engine_ms: float
    """A clip by itself: median."""
    engine_cpu_ms: float
    """CPU time of a clip at the better batch."""
    decode_ms: float
    """From the bytes of a body to a waveform: median."""

    def mean_with(self, other: "RawFigures") -> "RawFigures":
        """Of a look before and a look after."""
        mine, theirs = asdict(self), asdict(other)
        return RawFigures(**{field.name: (mine[field.name] + theirs[field.name]) / 2 for field in fields(self)})

    def drift_to(self, other: "RawFigures") -> float:
        """By which share the faster of two looks is ahead of the other."""
        rates = self.clips_per_s, other.clips_per_s
        return max(rates) / min(rates) - 1


@dataclass(frozen=True)
class RawOrder:
    """What the process is to measure; passed to it as JSON."""

    model: dict[str, Any]
    """In the words of the service's settings."""
    precision: str
    max_batch: int
    threads: int
    clips: str | None
    clip_rate: int


class RawEngine(Child):
    """The process; `labels` are those of the clips, by the engine."""

    def __init__(self, order: RawOrder, cpus: Cpus) -> None:
        """Start it; when it has said what the clips are, it is ready."""
        super().__init__("the bare engine", "benchmarks.raw_worker", asdict(order), cpus)
        with closed_if_it_fails(self):
            self.labels: list[str] = self.next_line()

    def measure(self, seconds: float) -> RawFigures:
        """Compute for so long at each of two batch sizes."""
        return RawFigures(**self.ask(seconds))
