"""Figures of one kind, one for each round: what two measurements are compared by."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np

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
        draws = np.random.default_rng(0).choice(self.rounds, (_RESAMPLES, len(self.rounds)))
        low, high = np.quantile(np.median(draws, axis=1), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return float(low), float(high)

    def as_json(self) -> dict[str, Any]:
        """With the median and its interval, for whoever only reads the file."""
        low, high = self.interval
        return {
            "name": self.name, "unit": self.unit, "better": self.better, "median": self.median,
            "low": low, "high": high, "rounds": list(self.rounds),
        }  # fmt: skip


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
