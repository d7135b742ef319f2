"""Feature maps in few numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.debug.summary import envelope, rounded, smaller, statistics, strongest


def test_dead_channels_and_zeros_are_counted() -> None:
    maps = np.zeros((4, 2, 5), np.float32)
    maps[1] = 2
    maps[3, 0, 0] = -10
    found = statistics(maps)
    assert found.dead_channels == 2
    assert found.sparsity == pytest.approx(29 / 40)
    assert (found.min, found.max) == (-10, 2)
    assert found.mean == pytest.approx(10 / 40)


def test_the_liveliest_channels_come_first() -> None:
    maps = np.zeros((3, 2, 2), np.float32)
    maps[0] = 100  # loud, but the same everywhere
    maps[2, 0, 0] = 1
    maps[1, 0, 0] = 5
    assert strongest(maps, 2) == [1, 2]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))
def test_a_smaller_map_keeps_the_means_of_what_it_stands_for(rows: int, columns: int, most: int, wide: int) -> None:
    values = np.random.default_rng(rows * 41 + columns).standard_normal((2, rows, columns)).astype(np.float32)
    small = smaller(values, most, wide)
    assert small.shape == (2, min(rows, most), min(columns, wide))
    bounds = [
        [i * size // n for i in range(n)] + [size] for size, n in zip((rows, columns), small.shape[1:], strict=True)
    ]
    for i in range(small.shape[1]):
        for j in range(small.shape[2]):
            block = values[:, bounds[0][i] : bounds[0][i + 1], bounds[1][j] : bounds[1][j + 1]]
            np.testing.assert_allclose(small[:, i, j], _mean_of_means(block), rtol=1e-4, atol=1e-5)


def _mean_of_means(block: np.ndarray) -> np.ndarray:
    means: np.ndarray = block.mean(axis=1).mean(axis=1)
    return means


def test_the_outline_of_a_sound_holds_its_peaks() -> None:
    wave = np.zeros(1000, np.float32)
    wave[123], wave[900] = 1, -1
    low, high = envelope(wave, 10)
    assert int(high.argmax()) == 1
    assert int(low.argmin()) == 9
    assert len(low) == len(high) == 10
    assert len(envelope(wave[:3], 10)[0]) == 3


def test_numbers_keep_their_significant_digits() -> None:
    assert rounded(np.array([0.0, 123456.0, -0.000123456]), 3) == [0.0, 123000.0, pytest.approx(-0.000123)]
