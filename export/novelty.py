"""When a sound is unlike all that was learned from: distance to the nearest class, and the distance that is too far.

Mahalanobis distance between directions of embeddings, with one covariance for all classes, shrunk towards a sphere.
What else was tried, and how it was measured, is in docs/export.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import EarshotError
from contract.reference import EmbeddingStatistics, directions

METHOD = "mahalanobis-direction"

PERCENTILE = 95.0
"""Of the distances of held-out sounds: one known sound in twenty is called new."""

_SHRINKAGE = 0.5  # from 0.3 to 0.8 the figures hardly differ; it also lets few clips span many axes


class NoveltyError(EarshotError):
    """Embeddings or distances say nothing of what is new; the message says why."""


@dataclass(frozen=True)
class NoveltyThreshold:
    """The distance beyond which a sound is new, and what it was measured on."""

    method: str
    threshold: float
    percentile: float
    windows: int
    """How many held-out windows it was chosen from."""
    flagged: dict[int, float]
    """Of each fold: the share of its windows that lies beyond. Alike, where distances of models can be compared."""


def fit_statistics(embeddings: NDArray[np.floating], labels: NDArray[np.integer]) -> EmbeddingStatistics:
    """Where the classes lie, by the windows that a model has learned from: embeddings [N, D], labels [N].

    Distances are divided by their root mean square over these windows. Each model has its own space; so counted, the
    distances of one can be held against a threshold that was chosen with others.
    """
    _require_finite(embeddings, "embeddings")
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise NoveltyError(f"embeddings {embeddings.shape} and labels {labels.shape} must be [N, D] and [N]")
    places = directions(embeddings).astype(np.float64)
    classes, member = np.unique(labels, return_inverse=True)
    means = np.stack([places[member == number].mean(axis=0) for number in range(len(classes))])
    spread = places - means[member]
    whitening = _whitening(spread.T @ spread / len(spread))
    whitening /= np.sqrt(np.square(spread @ whitening).sum(axis=1).mean())
    return EmbeddingStatistics(whitening.astype(np.float32), (means @ whitening).astype(np.float32))


def choose_threshold(distances: Mapping[int, NDArray[np.floating]]) -> NoveltyThreshold:
    """By the distances of held-out windows, fold by fold, each from the statistics of the model of that fold.

    Not by those of windows that a model has learned from: it holds these too near.
    """
    if not distances or not all(len(found) for found in distances.values()):
        raise NoveltyError("a threshold of novelty needs held-out sounds in every fold that is named")
    pooled = np.concatenate([np.asarray(found, np.float64) for found in distances.values()])
    _require_finite(pooled, "distances")
    threshold = float(np.percentile(pooled, PERCENTILE))
    flagged = {fold: float((found > threshold).mean()) for fold, found in distances.items()}
    return NoveltyThreshold(METHOD, threshold, PERCENTILE, len(pooled), flagged)


def _whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes on which the shrunk covariance is 1."""
    width = len(covariance)
    even = np.trace(covariance) / width
    if even < np.finfo(np.float32).eps ** 2:
        raise NoveltyError("embeddings of a class are all alike: give at least two different sounds of a class")
    variances, axes = np.linalg.eigh((1 - _SHRINKAGE) * covariance + _SHRINKAGE * even * np.eye(width))
    whitening: NDArray[np.float64] = axes / np.sqrt(variances)
    return whitening


def _require_finite(values: NDArray[np.floating], what: str) -> None:
    if not values.size or not np.isfinite(values).all():
        raise NoveltyError(f"{what} are empty or not finite: the model or its input is broken")
