"""Figures beside what was promised, and whether the promise was kept. A figure that could not be had keeps none."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Of one line."""

    MET = "met"
    MISSED = "MISSED"
    OPEN = "not judged"
    NONE = ""


@dataclass(frozen=True)
class Line:
    """One figure of a report."""

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""
    is_open: bool = False
    """What it would be judged by was not there, for which the service cannot be blamed: the note says why."""

    @property
    def verdict(self) -> Verdict:
        """None where nothing was promised."""
        if self.at_most is None and self.at_least is None:
            return Verdict.NONE
        if self.is_open:
            return Verdict.OPEN
        high = math.inf if self.at_most is None else self.at_most
        low = -math.inf if self.at_least is None else self.at_least
        return Verdict.MET if low <= self.value <= high else Verdict.MISSED  # no number is within no bounds

    @property
    def target(self) -> str:
        """In words."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"
