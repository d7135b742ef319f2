"""From scores to confidences: one softmax for export, diagnostics and service."""

import numpy as np
from numpy.typing import NDArray


def probabilities(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """[B, classes] scores → shares that sum to one, softened or sharpened by the temperature of the manifest."""
    scaled = np.asarray(logits, np.float64) / temperature
    raised: NDArray[np.float64] = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    raised /= raised.sum(axis=-1, keepdims=True)
    return raised
