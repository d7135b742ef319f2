"""Pieces of windows: turned round where the window ends, and found where it is loud."""

import numpy as np
import pytest

from training.pieces import Loudness, turned

RATE = 16000


@pytest.mark.parametrize("start", [0, 1, RATE // 2, RATE, 2 * RATE - 1])
@pytest.mark.parametrize("length", [1, RATE // 2, 2 * RATE])
def test_a_piece_is_its_window_turned_round(start: int, length: int) -> None:
    window = np.arange(-RATE, RATE, dtype=np.int16)
    assert np.array_equal(turned(window, start, length), np.roll(window, -start)[:length])


def test_the_loudest_start_is_the_one_whose_piece_has_most_energy() -> None:
    rng = np.random.default_rng(0)
    windows = rng.integers(-3000, 3000, (3, 5 * RATE)).astype(np.int16)
    windows *= np.linspace(0, 10, 5 * RATE).astype(np.int16)  # louder towards the end
    loudness = Loudness(windows, np.array([2, 0]))
    for number, window in enumerate(windows[[2, 0]]):
        for length in (RATE // 10, RATE, 3 * RATE):
            starts = rng.integers(5 * RATE, size=6)
            energy = [np.square(turned(window, start, length).astype(np.float64)).sum() for start in starts]
            assert loudness.loudest(number, starts, length) == starts[np.argmax(energy)]


def test_full_scale_does_not_overflow() -> None:
    window = np.full((1, 5 * RATE), -32768, np.int16)
    window[:, : 4 * RATE] = 0
    assert Loudness(window, np.array([0])).loudest(0, np.array([0, 4 * RATE, 2 * RATE]), RATE) == 4 * RATE
