"""Pieces of windows: whole circles of samples, cut where it is loud."""

import numpy as np
import pytest

from training.pieces import piece_of

RATE = 16000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_piece_is_its_window_turned_round(rng: np.random.Generator) -> None:
    window = np.arange(-RATE, RATE, dtype=np.int16)
    starts = set()
    for _ in range(200):
        piece = piece_of(window, RATE // 2, 1, rng)
        start = int(piece[0]) + RATE
        assert np.array_equal(piece, np.roll(window, -start)[: RATE // 2])
        starts.add(start)
    assert min(starts) < 2 * RATE * 0.1
    assert max(starts) > 2 * RATE * 0.9  # runs on at the beginning


def test_a_piece_may_be_the_whole(rng: np.random.Generator) -> None:
    window = rng.integers(-99, 99, RATE).astype(np.int16)
    assert sorted(piece_of(window, RATE, 3, rng)) == sorted(window)


def test_of_several_draws_the_loudest_is_taken(rng: np.random.Generator) -> None:
    window = rng.integers(-30, 30, 5 * RATE).astype(np.int16)
    window[RATE : RATE + RATE // 4] *= 500
    heard = {draws: np.mean([np.abs(piece_of(window, RATE, draws, rng)).max() > 999 for _ in range(400)])
             for draws in (1, 2, 8)}  # fmt: skip
    assert heard[1] == pytest.approx(0.25, abs=0.07)  # 1 s + 0.25 s of 5
    assert heard[2] == pytest.approx(1 - 0.75**2, abs=0.07)
    assert heard[8] == pytest.approx(1 - 0.75**8, abs=0.07)


def test_full_scale_does_not_overflow(rng: np.random.Generator) -> None:
    window = np.full(5 * RATE, -32768, np.int16)
    window[: 4 * RATE] = 0
    assert piece_of(window, RATE // 10, 16, rng).min() == -32768
