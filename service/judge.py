"""From scores to a verdict: calibrated confidence, whether it is enough, and how far from all that was learned."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.confidence import probabilities
from service.engines.base import Outputs, Samples
from service.model import ServedModel


class Row(NamedTuple):
    """What is known of one window."""

    logits: Samples
    embedding: Samples | None
    probabilities: NDArray[np.float64]
    novelty: float | None


class Verdict(NamedTuple):
    """What is said of a window, or of all of them together."""

    best: list[tuple[int, float]]
    """Class and confidence, the most probable first."""
    uncertain: bool | None
    """None where the model has no threshold for it."""
    novelty: float | None
    unlike_training: bool | None


def best_of(
    shares: NDArray[np.float64], top_k: int, among: NDArray[np.intp] | None = None
) -> list[tuple[int, float]]:
    """Classes and confidences, the most probable first; `among` are the classes that were asked for."""
    candidates = shares if among is None else shares[among]
    order = np.argsort(-candidates, kind="stable")[:top_k].tolist()
    return [(int(i if among is None else among[i]), float(candidates[i])) for i in order]


class Judge:
    """The manifest's calibration and the reference statistics of one model."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model

    def rows(self, outputs: Outputs) -> list[Row]:
        """For a whole batch at once, which costs hardly more than for one."""
        shares = probabilities(outputs.logits, self._model.temperature)
        count, embedding, reference = len(shares), outputs.embedding, self._model.reference
        distances = reference.distance(embedding).tolist() if reference and embedding is not None else [None] * count
        embeddings = [None] * count if embedding is None else list(embedding)
        return [Row(outputs.logits[i], embeddings[i], shares[i], distances[i]) for i in range(count)]

    def verdict(self, rows: list[Row], top_k: int, among: NDArray[np.intp] | None = None) -> Verdict:
        """Of one window, or the mean of several; `among` are the classes that were asked for."""
        shares = rows[0].probabilities if len(rows) == 1 else np.mean([row.probabilities for row in rows], axis=0)
        best = best_of(shares, top_k, among)
        model = self._model
        distances = [row.novelty for row in rows if row.novelty is not None]
        novelty = sum(distances) / len(distances) if distances else None
        return Verdict(
            best=best,
            uncertain=None if model.reject_below is None else best[0][1] < model.reject_below,
            novelty=novelty,
            unlike_training=None
            if novelty is None or model.novelty_threshold is None
            else novelty > model.novelty_threshold,
        )
