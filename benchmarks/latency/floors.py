"""The least time that a machine allows: operations by its measured peak, bytes by its measured bandwidth.

What fits into a cache need not come from memory: bytes go by the best of the copies that touch as many or more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.latency.operations import Work
from benchmarks.latency.peaks import COPIES

NAN = float("nan")


@dataclass(frozen=True)
class Peaks:
    """What a device did at most, over all rounds."""

    per_s: dict[str, float]
    """Multiplications by precision, and bytes."""

    @classmethod
    def of(cls, rounds: Iterable[dict[str, float]]) -> "Peaks":
        """A peak is the best that was seen: in other rounds somebody else had a part of the machine."""
        best: dict[str, float] = {}
        for found in rounds:
            best |= {name: max(value, best.get(name, 0.0)) for name, value in found.items()}
        return cls(best)

    def compute_ms(self, work: Work, batch: int) -> float:
        """Of nothing but multiplications."""
        return 1000 * batch * sum(macs / self.per_s.get(precision, NAN) for precision, macs in work.macs.items())

    def memory_ms(self, work: Work, batch: int) -> float:
        """Of nothing but bytes: weights once, values once."""
        touched = work.weight_bytes + batch * work.value_bytes
        return 1000 * touched / self.bytes_per_s(touched)

    def bytes_per_s(self, touched: float) -> float:
        """Where all that is touched is so many bytes; of more than any copy touches, that of the largest."""
        measured = {size: self.per_s[name] for size, name in COPIES.items() if name in self.per_s}
        enough = min(touched, max(measured, default=0))
        return max((per_s for size, per_s in measured.items() if size >= enough), default=NAN)

    def floor_ms(self, work: Work | None, batch: int) -> float:
        """The larger of both, for they may overlap."""
        return NAN if work is None else max(self.compute_ms(work, batch), self.memory_ms(work, batch))
