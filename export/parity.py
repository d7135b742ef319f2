"""The gate: a graph leaves only if its answers are those of the PyTorch model.

Measured on held-out sounds, each asked of the model that has not heard it, and on signals made to break arithmetic:
steep spectra, a tone over quiet noise, silence, clicks, a constant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH
from contract.errors import EarshotError
from contract.manifest import Parity

Logits = NDArray[np.float32]


class ParityError(EarshotError):
    """A graph answers differently from the model that it was made of: nothing is written."""

    def __init__(self, sentence: str, measured: Mapping[str, Parity] = MappingProxyType({})) -> None:
        super().__init__(f"{sentence}. Nothing was written")
        self.measured = measured


@dataclass(frozen=True)
class Comparison:
    """How far the answers of a graph lie from those of the model."""

    windows: int
    max_delta: float
    p999_delta: float
    agreement: float
    accuracy: float
    accuracy_float: float

    @property
    def changed(self) -> float:
        """Share of windows that the graph calls something else."""
        return 1 - self.agreement

    @property
    def lost(self) -> float:
        """Share of windows by which the graph is behind the model in accuracy."""
        return self.accuracy_float - self.accuracy


@dataclass(frozen=True)
class Limits:
    """What a graph may differ by; None = no limit.

    Shares are of windows: where one window is more than the share that is allowed, one window is.
    """

    max_delta: float | None = None
    changed: float | None = None
    """Share of answers that may be others."""
    lost: float | None = None
    """Share by which accuracy may be lower."""

    def broken_by(self, found: Comparison) -> list[str]:
        """One phrase for each limit that is not held."""
        phrases = []
        if self.max_delta is not None and found.max_delta > self.max_delta:
            phrases.append(f"logits differ by up to {found.max_delta:.2g}, more than {self.max_delta:g}")
        if self.changed is not None and found.changed > _allowed(self.changed, found.windows):
            phrases.append(f"{found.changed:.2%} of the answers are others, more than {self.changed:.1%}")
        if self.lost is not None and found.lost > _allowed(self.lost, found.windows):
            phrases.append(f"accuracy is {100 * found.lost:.2f} points lower, more than {100 * self.lost:g}")
        return phrases


LIMITS = {
    FLOAT_GRAPH: Limits(max_delta=1e-3, changed=0.0),
    HALF_GRAPH: Limits(changed=0.005),
    INT8_GRAPH: Limits(lost=0.005),
}
HOSTILE_LIMITS = {
    FLOAT_GRAPH: Limits(max_delta=1e-3, changed=0.0),
    HALF_GRAPH: Limits(max_delta=0.1),
    INT8_GRAPH: Limits(),
}
"""A network in float16 differs by some 0.005, a front end in TF32 by 1. INT8 may waver: these are like no class."""


def compare(wanted: Logits, found: Logits, labels: NDArray[np.int64]) -> Comparison:
    """Measure the answers `found` against those `wanted`, to windows of these labels."""
    if not (np.isfinite(wanted).all() and np.isfinite(found).all()):
        raise ParityError("the model, or a graph of it, answers with what is no number: it is broken")
    delta = np.abs(found - wanted)
    return Comparison(
        windows=len(wanted),
        max_delta=float(delta.max()),
        p999_delta=float(np.quantile(delta, 0.999)),
        agreement=float((wanted.argmax(1) == found.argmax(1)).mean()),
        accuracy=float((found.argmax(1) == labels).mean()),
        accuracy_float=float((wanted.argmax(1) == labels).mean()),
    )


def _allowed(share: float, windows: int) -> float:
    """A limit of zero stays zero; the sliver is for sums of rounded numbers."""
    return (max(share, 1 / windows) if share else 0.0) + 1e-9
