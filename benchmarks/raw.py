"""The bare engine: what ONNX Runtime alone makes of these cores. Its process waits while the service is measured.

Every figure of the service is set against it, taken before and after on the same cores, since cores that are shared
with strangers are not equally fast at all times.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.processes import Cpus, on_cpus
from contract.errors import EarshotError

ROOT = Path(__file__).parents[1]
_STOP_S = 10.0


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


class RawEngine:
    """The process; `labels` are those of the clips, by the engine."""

    def __init__(self, order: RawOrder, cpus: Cpus) -> None:
        """Start it; when it has said what the clips are, it is ready."""
        words = [sys.executable, "-m", "benchmarks.raw_worker", json.dumps(asdict(order))]
        with on_cpus(cpus):
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        try:
            self.labels: list[str] = self._next_line()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._end()

    def measure(self, seconds: float) -> RawFigures:
        """Compute for so long at each of two batch sizes."""
        assert self._process.stdin is not None  # noqa: S101  (it was asked for)
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return RawFigures(**self._next_line())

    def _end(self) -> None:
        try:
            self._process.communicate(timeout=_STOP_S)  # the end of its input is its end
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _next_line(self) -> Any:  # noqa: ANN401
        assert self._process.stdout is not None  # noqa: S101  (it was asked for)
        line = self._process.stdout.readline()
        if not line:
            raise EarshotError("the bare engine could not be measured: its process ended with the error above")
        return json.loads(line)
