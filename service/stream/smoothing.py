"""Steadies what is said from hop to hop: an exponential mean of probabilities."""

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]


class Smoothing:
    """The mean of one stream. Hops without an answer count as time that has passed."""

    def __init__(self, keep: float) -> None:
        """How much of the mean is kept from one hop to the next; 0 keeps nothing."""
        self._keep = keep
        self._mean: Shares | None = None
        self._hop = 0
        self._model = ""

    def mix(self, shares: Shares, hop: int, model: str) -> Shares:
        """The mean with this hop in it; another model begins a new one."""
        if self._mean is None or self._model != model:
            mean = shares
        else:
            kept = self._keep ** (hop - self._hop)
            mean = kept * self._mean + (1 - kept) * shares
        self._mean, self._hop, self._model = mean, hop, model
        return mean
