"""Pieces of a window to learn from: they cost less than the whole and, where the sound is, say nearly as much."""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 320  # samples whose energy is taken together: finer than any sound begins


class Loudness:
    """Where each of some windows is loud, taken once: a piece is then found without looking at its samples."""

    def __init__(self, samples: NDArray[np.int16], windows: NDArray[np.int64]) -> None:
        self._until = np.stack([_energy_until(samples[window]) for window in windows])

    def loudest(self, number: int, starts: NDArray[np.int64], length: int) -> int:
        """The one of these starts from which a piece of the window with this number has most energy, to the block."""
        first = starts // _BLOCK
        energy = self._until[number, first + length // _BLOCK] - self._until[number, first]
        return int(starts[energy.argmax()])


def turned(window: NDArray[np.int16], start: int, length: int) -> NDArray[np.int16]:
    """A piece of a window; where the window ends, it runs on at the beginning."""
    return np.concatenate([window[start : start + length], window[: max(0, start + length - len(window))]])


def _energy_until(window: NDArray[np.int16]) -> NDArray[np.float64]:
    """Up to each block of the window and of its repetition."""
    blocks = window[: len(window) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).astype(np.float32)
    energy = np.square(blocks).sum(axis=1, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.concatenate([energy, energy]))])
