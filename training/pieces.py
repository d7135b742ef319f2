"""Pieces of windows to learn from: they cost less than the whole and, where the sound is, say nearly as much."""

import math

import numpy as np
from numpy.typing import NDArray

from training.material import WindowSet

_BLOCK = 320  # samples whose energy is taken together: finer than a sound's place matters


class Pieces:
    """Cuts pieces out of windows; of a few places drawn for each, the loudest is taken."""

    def __init__(self, windows: WindowSet, draws: int) -> None:
        self._windows, self._draws = windows, draws
        self._until = np.stack([_energy_until(windows.samples[window]) for window in windows.windows])

    def cut(self, chosen: NDArray[np.int64], length: int, rng: np.random.Generator) -> NDArray[np.int16]:
        """A piece of this length out of each of the windows with these numbers in the set."""
        samples, rows = self._windows.samples, self._windows.windows[chosen]
        starts = rng.integers(samples.shape[1], size=(len(chosen), self._draws))
        loudest = [self.loudest(number, drawn, length) for number, drawn in zip(chosen, starts, strict=True)]
        return np.stack([turned(samples[row], start, length) for row, start in zip(rows, loudest, strict=True)])

    def loudest(self, number: int, starts: NDArray[np.int64], length: int) -> int:
        """The one of these starts from which a piece has most energy, to the block."""
        first = starts // _BLOCK
        energy = self._until[number, first + math.ceil(length / _BLOCK)] - self._until[number, first]
        return int(starts[energy.argmax()])


def turned(window: NDArray[np.int16], start: int, length: int) -> NDArray[np.int16]:
    """A piece of a window; where the window ends, it runs on at the beginning."""
    return np.concatenate([window[start : start + length], window[: max(0, start + length - len(window))]])


def _energy_until(window: NDArray[np.int16]) -> NDArray[np.float64]:
    """Up to each block of the window and of its repetition; the last block may be shorter."""
    power = np.square(window.astype(np.float32))
    energy = np.add.reduceat(power, np.arange(0, len(window), _BLOCK), dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.tile(energy, 2))])
