"""Lengths for the Fourier transform."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.augment.sizes import fast_length


def is_fast(length: int) -> bool:
    for factor in (2, 3, 5):
        while length % factor == 0:
            length //= factor
    return length == 1


@given(least=st.integers(2, 5000))
def test_it_is_the_first_even_length_without_large_factors(least: int) -> None:
    expected = next(n for n in range(least, 2 * least + 1) if n % 2 == 0 and is_fast(n))
    assert fast_length(least) == expected


@pytest.mark.parametrize(("least", "length"), [(0, 1), (1, 1), (2, 2), (160_000, 160_000), (191_999, 192_000)])
def test_known_lengths(least: int, length: int) -> None:
    assert fast_length(least) == length
