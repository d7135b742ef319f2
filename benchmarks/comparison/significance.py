"""Whether two series of one figure differ: by how much, how surely, and whether it matters.

A difference is called one where chance explains it badly (5 % over all figures together, by Holm's correction) and
where it is larger than what the reader calls noise. All of it mirrors: who swaps the two gets the reciprocal ratio
and the opposite verdict.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.series import Better, medians_drawn_anew, middle_of

LEVEL = 0.05
"""How often at most a comparison of equals may find any difference at all."""

FEWEST_ROUNDS = 3
"""Of less, nothing can be said about how much they vary."""

_MOST_COUNTED, _FLIPS = 13, 20_000
"""Up to so many rounds every pattern of signs is tried; of more rounds, so many patterns."""

Numbers = NDArray[np.float64]


class Verdict(StrEnum):
    """On one figure, of B beside A."""

    BETTER = "better"
    WORSE = "WORSE"
    SAME = "no difference"
    """If there is one, it is smaller than what matters."""
    OPEN = "cannot tell"
    """The rounds allow a difference that matters, and do not show one."""


@dataclass(frozen=True)
class Finding:
    """B as a multiple of A, where 95 % of such multiples lie, and how easily chance would bring one as far from 1."""

    ratio: float
    low: float
    high: float
    p: float


def paired(before: Sequence[float], after: Sequence[float]) -> Finding:
    """Of rounds that were taken in turn: the median of each round's own ratio."""
    logs = _log_ratio(before, after)
    with np.errstate(invalid="ignore"):  # a figure that came out of nothing is infinitely much more
        ratio = _exp(np.median(logs)) if logs.size else math.nan
        if not _can_be_judged(before, after):
            return Finding(ratio, math.nan, math.nan, math.nan)
        low, high = middle_of(medians_drawn_anew(logs))
    return Finding(ratio, _exp(low), _exp(high), sign_flip_p(logs))


def apart(before: Sequence[float], after: Sequence[float]) -> Finding:
    """Of rounds that have nothing to do with each other: the ratio of the medians."""
    ratio = _exp(_log_ratio(np.median(before), np.median(after))) if before and after else math.nan
    if not _can_be_judged(before, after):
        return Finding(ratio, math.nan, math.nan, math.nan)
    order = sorted((tuple(before), tuple(after)))  # so that a swap changes no draw
    drawn = {values: medians_drawn_anew(values, seed) for seed, values in enumerate(order)}
    with np.errstate(invalid="ignore"):
        low, high = middle_of(_log_ratio(drawn[tuple(before)], drawn[tuple(after)]))
    return Finding(ratio, _exp(low), _exp(high), welch_p(before, after))


def _can_be_judged(*sides: Sequence[float]) -> bool:
    """Enough rounds, and nothing below zero: of that, a ratio says nothing."""
    return all(len(values) >= FEWEST_ROUNDS and min(values) >= 0 for values in sides)


def corrected(findings: Sequence[Finding]) -> list[Finding]:
    """The more figures are looked at, the more each must show."""
    ps = holm([finding.p for finding in findings])
    return [replace(finding, p=p) for finding, p in zip(findings, ps, strict=True)]


def verdict(finding: Finding, better: Better, noise: float) -> Verdict:
    """Whether it is sure, whether it matters, and which way is better."""
    low, middle, high = (float(_log_ratio(1.0, value)) for value in (finding.low, finding.ratio, finding.high))
    matters = math.log1p(noise)
    if finding.p <= LEVEL and abs(middle) > matters:
        return Verdict.WORSE if (middle > 0) == (better == "lower") else Verdict.BETTER
    return Verdict.SAME if -matters <= low and high <= matters else Verdict.OPEN


def holm(ps: Sequence[float]) -> list[float]:
    """Corrected for their number, none below a smaller one; what is no number stays none."""
    places = sorted((place for place, p in enumerate(ps) if math.isfinite(p)), key=lambda place: ps[place])
    raised, largest = list(ps), 0.0
    for left, place in zip(range(len(places), 0, -1), places, strict=True):
        largest = raised[place] = max(largest, min(1.0, left * ps[place]))
    return raised


def rounds_needed(figures: int) -> int:
    """In fewer rounds in turn, not even a difference in all of them could be told from chance."""
    return next(rounds for rounds in count(FEWEST_ROUNDS) if figures * 2.0 ** (1 - rounds) <= LEVEL)


def sign_flip_p(logs: Numbers) -> float:
    """Between equals each sign is a coin's: how often would the ranks of the logs then lean as far to one side?"""
    _, place, times = np.unique(np.abs(logs), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - (times - 1) / 2)[place] * (logs != 0)
    leaning = abs(ranks @ np.sign(logs))
    return float(np.mean(np.abs(_signs(logs.size) @ ranks) >= leaning - 1e-9))


def _signs(rounds: int) -> Numbers:
    """Patterns of +1 and -1, one in a row."""
    if rounds <= _MOST_COUNTED:
        bits = (np.arange(2**rounds)[:, None] >> np.arange(rounds)) & 1
        return np.where(bits, 1.0, -1.0)
    signs: Numbers = np.random.default_rng(0).choice([-1.0, 1.0], (_FLIPS, rounds))
    signs[0] = 1  # what was seen is one of the possible patterns
    return signs


def welch_p(before: Sequence[float], after: Sequence[float]) -> float:
    """Student's test without a common deviation: all that three rounds on either side can bear."""
    shares = [float(np.var(values, ddof=1)) / len(values) for values in (before, after)]
    away, spread = abs(float(np.mean(after)) - float(np.mean(before))), sum(shares)
    if not spread:
        return float(away == 0)
    sizes = [len(before) - 1, len(after) - 1]
    freedom = spread**2 / sum(share**2 / size for share, size in zip(shares, sizes, strict=True))
    return _beyond(away / math.sqrt(spread), freedom)


def _beyond(t: float, freedom: float) -> float:
    """What Student's distribution holds further out, on both sides; as an angle it ends, so it can be summed up."""

    def held_from(angle: float) -> float:
        angles = np.linspace(angle, np.pi / 2, 4001)
        return float(np.trapezoid(np.cos(angles) ** (freedom - 1), angles))

    return held_from(math.atan(t / math.sqrt(freedom))) / held_from(0.0)


def _log_ratio(before: ArrayLike, after: ArrayLike) -> Numbers:
    """From nothing to nothing is no change; from nothing to something is infinitely much."""
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a == b, 0.0, np.log(b) - np.log(a))


def _exp(log: ArrayLike) -> float:
    return float(np.exp(log))
