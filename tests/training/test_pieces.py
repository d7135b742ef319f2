"""Pieces of windows: turned round where the window ends, and found where it is loud."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.material import WindowSet
from training.pieces import Pieces, turned

RATE = 16000


def windows_of(samples: NDArray[np.int16], *chosen: int) -> WindowSet:
    numbers = np.array(chosen)
    return WindowSet(samples, numbers, numbers, numbers)


@pytest.mark.parametrize("start", [0, 1, RATE // 2, RATE, 2 * RATE - 1])
@pytest.mark.parametrize("length", [1, RATE // 2, 2 * RATE])
def test_a_piece_is_its_window_turned_round(start: int, length: int) -> None:
    window = np.arange(-RATE, RATE, dtype=np.int16)
    assert np.array_equal(turned(window, start, length), np.roll(window, -start)[:length])


def test_each_window_gives_its_own_piece() -> None:
    samples = np.repeat(np.arange(5, dtype=np.int16)[:, None], RATE, axis=1)
    cut = Pieces(windows_of(samples, 4, 2, 3), draws=2).cut(np.array([2, 0]), RATE // 4, np.random.default_rng(0))
    assert cut.shape == (2, RATE // 4)
    assert cut[:, 0].tolist() == [3, 4]


@pytest.mark.parametrize("seconds", [5.0, 4.9999])  # whole blocks or not
def test_the_loudest_start_is_the_one_whose_piece_has_most_energy(seconds: float) -> None:
    rng = np.random.default_rng(0)
    length = int(seconds * RATE)
    samples = rng.integers(-3000, 3000, (3, length)).astype(np.int16)
    samples *= np.linspace(0, 10, length).astype(np.int16)  # louder towards the end
    pieces = Pieces(windows_of(samples, 2, 0), draws=6)
    for number, window in enumerate(samples[[2, 0]]):
        for size in (300, RATE // 10, RATE, 3 * RATE):
            starts = rng.integers(length // 320, size=6) * 320
            energy = [np.square(turned(window, start, size).astype(np.float64)).sum() for start in starts]
            assert pieces.loudest(number, starts, size) == starts[np.argmax(energy)]


def test_full_scale_does_not_overflow() -> None:
    samples = np.full((1, 5 * RATE), -32768, np.int16)
    samples[:, : 4 * RATE] = 0
    assert Pieces(windows_of(samples, 0), draws=3).loudest(0, np.array([0, 4 * RATE, 2 * RATE]), RATE) == 4 * RATE
