"""Figures of one kind, one for each round: what two measurements are compared by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Better = Literal["lower", "higher"]

_RESAMPLES = 2000
_LEVEL = 0.95


@dataclass(frozen=True)
class Series:
    """One figure of every round, in the order in which they were taken."""

    name: str
    """Slashes part what it is of from what it is: `onnx int8/batch 1/p50`."""
    unit: str
    better: Better
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Over the rounds."""
        return median(self.rounds) if self.rounds else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Of the median: where 95 % of the medians of rounds drawn anew from these lie. Fixed seed."""
        if not self.rounds:
            return float("nan"), float("nan")
        return middle_of(medians_drawn_anew(self.rounds))

    def as_json(self) -> dict[str, Any]:
        """With the median and its interval, for whoever only reads the file."""
        low, high = self.interval
        return {
            "name": self.name, "unit": self.unit, "better": self.better, "median": self.median,
            "low": low, "high": high, "rounds": list(self.rounds),
        }  # fmt: skip


def medians_drawn_anew(values: Sequence[float] | NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """The bootstrap: medians of as many values, drawn from these with replacement."""
    draws = np.random.default_rng(seed).choice(values, (_RESAMPLES, len(values)))
    medians: NDArray[np.float64] = np.median(draws, axis=1)
    return medians


def middle_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """Where the middle 95 % of them lie."""
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def series_in(content: dict[str, Any]) -> dict[str, Series]:
    """Those of a file of results, by name; rounds that gave no number are left out."""
    found = (
        Series(one["name"], one["unit"], one["better"], tuple(value for value in one["rounds"] if value is not None))
        for one in content.get("series", [])
    )
    return {one.name: one for one in found}


def gathered(name: str, unit: str, better: Better, values: Iterable[float]) -> Series:
    """A series of whatever gives numbers."""
    return Series(name, unit, better, tuple(map(float, values)))
