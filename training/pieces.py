"""Pieces of a window to learn from: they cost less than the whole and, where the sound is, say nearly as much."""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 320  # samples whose energy is taken together: finer than any sound begins


def piece_of(window: NDArray[np.int16], length: int, draws: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """The loudest of so many pieces drawn at random; where the window ends, a piece runs on at the beginning."""
    starts = rng.integers(len(window), size=draws)
    start = starts[0] if draws == 1 else starts[_energies(window, starts, length).argmax()]
    return np.concatenate([window[start : start + length], window[: max(0, start + length - len(window))]])


def _energies(window: NDArray[np.int16], starts: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """Of the pieces that begin there, to the block."""
    blocks = window[: len(window) // _BLOCK * _BLOCK].astype(np.float32).reshape(-1, _BLOCK)
    energy = np.einsum("bs,bs->b", blocks, blocks, dtype=np.float64)
    until = np.concatenate([[0.0], np.cumsum(np.concatenate([energy, energy]))])
    first = starts // _BLOCK
    sums: NDArray[np.float64] = until[first + length // _BLOCK] - until[first]
    return sums
