"""How far confidences can be believed: the temperature that makes them so, and the one below which none should be.

All of it is fitted to answers of a cross-validation, each given by a model that had not heard the clip. What comes
out of the temperature is measured on a fold that it was not fitted to.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.confidence import probabilities
from contract.errors import EarshotError

PRECISION = 0.95
"""Share of right answers among those that are not called uncertain."""

_BINS = 15
_SUPPORT = 20  # answers; among fewer, one lucky run would pass for 95 %
_COLDEST, _HOTTEST = 0.05, 20.0
_HALVINGS = 60  # of the interval above: more than a float64 resolves


class CalibrationError(EarshotError):
    """Answers cannot be calibrated; the message says why."""


@dataclass(frozen=True)
class Reliability:
    """How far confidences are from the truth."""

    loss: float
    """Mean negative log-likelihood of the right class."""
    ece: float
    """Expected calibration error, over bins of equal width."""
    ece_adaptive: float
    """The same over bins that hold equally many answers: few bins are empty, none rests on a handful."""


@dataclass(frozen=True)
class FoldCalibration:
    """One fold, with the temperature that all the others ask for."""

    fold: int
    windows: int
    temperature: float
    before: Reliability
    after: Reliability


@dataclass(frozen=True)
class RejectThreshold:
    """Where confidence ends and uncertainty begins."""

    threshold: float
    precision: float
    """Share of right answers at or above it."""
    wanted: float
    coverage: float
    """Share of all answers at or above it."""

    @property
    def reached(self) -> bool:
        """Where no threshold gives the precision that is wanted, this is the one that gives the best."""
        return self.precision >= self.wanted


@dataclass(frozen=True)
class Calibration:
    """What a cross-validation says of confidences."""

    temperature: float
    """Fitted to all folds: the one to ship."""
    before: Reliability
    after: Reliability
    """Of all answers, each with the temperature of the other folds."""
    folds: tuple[FoldCalibration, ...]
    reject: RejectThreshold
    confidence: NDArray[np.float64]
    """Of each answer, with the temperature of the other folds."""


def calibrate(
    logits: NDArray[np.floating],
    labels: NDArray[np.integer],
    folds: NDArray[np.integer],
    precision: float = PRECISION,
) -> Calibration:
    """Logits [N, classes], labels [N] and the fold of each [N] → temperature, threshold, and what they are worth.

    Where a temperature does not help the folds that it was not fitted to, there is none: it is 1.
    """
    _require_answers(logits, labels)
    names = np.unique(folds)
    if folds.shape != labels.shape or len(names) < 2:
        raise CalibrationError("calibration is measured on a fold that it was not fitted to: give at least two folds")
    correct = logits.argmax(1) == labels
    cooled = np.empty(logits.shape)
    results = []
    for fold in names:
        here = folds == fold
        temperature = fit_temperature(logits[~here], labels[~here])
        cooled[here] = probabilities(logits[here], temperature)
        before, after = (reliability(p, labels[here]) for p in (probabilities(logits[here]), cooled[here]))
        results.append(FoldCalibration(int(fold), int(here.sum()), temperature, before, after))
    bare = probabilities(logits)
    before, after = reliability(bare, labels), reliability(cooled, labels)
    if after.loss >= before.loss:  # few answers, or answers by chance: what fits some of them harms the others
        alike = tuple(replace(fold, temperature=1.0, after=fold.before) for fold in results)
        return Calibration(1.0, before, before, alike, _rejecting(bare, correct, precision), bare.max(1))
    temperature = fit_temperature(logits, labels)
    return Calibration(
        temperature, before, after, tuple(results), _rejecting(cooled, correct, precision), cooled.max(1)
    )


def _rejecting(shares: NDArray[np.float64], correct: NDArray[np.bool_], precision: float) -> RejectThreshold:
    return reject_threshold(shares.max(1), correct, precision)


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The divisor of logits with the least negative log-likelihood.

    That is convex in the inverse of the temperature, so its slope is halved down to zero: nothing to start from, and
    nothing to miss. One further answer of no class in particular is counted in, as in Laplace's rule of succession:
    40 answers without a mistake do not prove that there never is one, and would pull the temperature to zero.
    """
    _require_answers(logits, labels)
    scores = np.asarray(logits, np.float64)
    doubt = 1 / (len(scores) + 1)
    target = (1 - doubt) * scores[np.arange(len(labels)), labels].mean() + doubt * scores.mean()
    if np.ptp(scores, axis=1).max() == 0:
        return 1.0  # no score says anything: no temperature is better than another
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = (probabilities(scores, 1 / middle) * scores).sum(1).mean()
        low, high = (middle, high) if expected < target else (low, middle)
    return float(2 / (low + high))


def reliability(shares: NDArray[np.float64], labels: NDArray[np.integer]) -> Reliability:
    """Of probabilities [N, classes]."""
    confidence, correct = shares.max(1), shares.argmax(1) == labels
    right = np.maximum(shares[np.arange(len(labels)), labels], np.finfo(np.float64).tiny)
    return Reliability(
        float(-np.log(right).mean()),
        expected_calibration_error(confidence, correct),
        expected_calibration_error(confidence, correct, adaptive=True),
    )


def expected_calibration_error(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = _BINS, adaptive: bool = False
) -> float:
    """Mean distance between confidence and share of right answers, over bins, weighted by their answers.

    Bins are (low, high] and equally wide; adaptive ones hold equally many answers, by rising confidence.
    """
    _require_confidences(confidence, correct)
    count = len(confidence)
    if adaptive:
        member = np.empty(count, np.int64)
        member[np.argsort(confidence, kind="stable")] = np.arange(count) * bins // count
    else:
        member = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(member, confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / count)


def reject_threshold(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], precision: float = PRECISION
) -> RejectThreshold:
    """The lowest confidence at or above which at least that share of answers is right.

    Only thresholds that leave 20 answers are looked at (all, where there are fewer). If none will do, it is the one
    with the best precision, and of several such the lowest.
    """
    _require_confidences(confidence, correct)
    order = np.argsort(-confidence, kind="stable")
    descending, total = confidence[order], len(order)
    last_of_its_value = np.append(descending[1:] < descending[:-1], True)
    kept = np.flatnonzero(last_of_its_value & (np.arange(1, total + 1) >= min(_SUPPORT, total)))
    reached_by = np.cumsum(correct[order])[kept] / (kept + 1)
    enough = np.flatnonzero(reached_by >= precision)
    chosen = enough[-1] if len(enough) else np.flatnonzero(reached_by == reached_by.max())[-1]
    return RejectThreshold(
        float(descending[kept[chosen]]),
        float(reached_by[chosen]),
        precision,
        float((kept[chosen] + 1) / total),
    )


def _require_answers(logits: NDArray[Any], labels: NDArray[Any]) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not logits.size:
        raise CalibrationError(f"logits {logits.shape} and labels {labels.shape} must be [N, classes] and [N], N > 0")
    if not np.isfinite(logits).all():
        raise CalibrationError("logits hold NaN or infinity: the model that gave them is broken")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise CalibrationError(f"labels must lie between 0 and {logits.shape[1] - 1}, the classes of the logits")


def _require_confidences(confidence: NDArray[Any], correct: NDArray[Any]) -> None:
    if confidence.ndim != 1 or confidence.shape != correct.shape or not confidence.size:
        raise CalibrationError("give one confidence and one verdict for each answer, and at least one answer")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise CalibrationError("confidences must lie between 0 and 1; NaN comes of a broken model")
