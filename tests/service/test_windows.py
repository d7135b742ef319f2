"""Windows: all of a sound is heard, nothing is copied, and a short one is followed by silence."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.audio import PCM16_SCALE
from service.windows import SHORTEST_TAIL_S, Window, cut, lay, windows_of

RATE = 100
TAIL = round(SHORTEST_TAIL_S * RATE)


@pytest.mark.parametrize("samples", [1, 499, 500])
def test_what_fits_into_a_window_is_one(samples: int) -> None:
    assert windows_of(samples, 500, 500, RATE) == [Window(0, samples)]


def test_long_audio_gets_a_window_every_hop() -> None:
    assert windows_of(1_000, 500, 250, RATE) == [Window(0, 500), Window(250, 750), Window(500, 1_000)]


def test_a_rest_gets_a_window_that_ends_with_the_sound() -> None:
    assert windows_of(1_000 + TAIL, 500, 500, RATE)[-1] == Window(500 + TAIL, 1_000 + TAIL)


def test_a_rest_too_short_to_be_a_sound_gets_none() -> None:
    assert windows_of(1_000 + TAIL - 1, 500, 500, RATE) == [Window(0, 500), Window(500, 1_000)]


def test_with_a_hop_longer_than_a_window_some_is_passed_over() -> None:
    assert windows_of(2_000, 500, 1_500, RATE) == [Window(0, 500), Window(1_500, 2_000)]


@given(
    samples=st.integers(1, 5_000),
    window=st.integers(1, 1_000),
    hop=st.integers(1, 1_000),
)
def test_the_windows_lie_inside_in_order_and_leave_nothing_out(samples: int, window: int, hop: int) -> None:
    windows = windows_of(samples, window, hop, RATE)
    assert windows[0].start == 0
    assert all(0 <= start < end <= samples for start, end in windows)
    assert all(after.start > before.start for before, after in pairwise(windows))
    assert samples - windows[-1].end < max(TAIL, 1)
    if samples > window:
        assert {end - start for start, end in windows} == {window}
        assert all(after.start - before.start <= hop for before, after in pairwise(windows))


def test_windows_are_views() -> None:
    waveform = np.arange(1_000, dtype=np.float32)
    parts = cut(waveform, [Window(0, 500), Window(250, 750)])
    assert [part[0] for part in parts] == [0, 250]
    assert all(np.shares_memory(part, waveform) for part in parts)


def test_behind_a_short_window_is_silence_whatever_was_there() -> None:
    row = np.full(6, 9, np.float32)
    lay(np.array([0.5, -0.5], np.float32), row)
    assert row.tolist() == [0.5, -0.5, 0, 0, 0, 0]


def test_16_bits_are_scaled_as_the_decoder_does_it() -> None:
    row = np.full(4, 9, np.float32)
    lay(np.array([-(2**15), 2**15 - 1, 1], np.int16), row)
    assert row.tolist() == [-1, (2**15 - 1) * PCM16_SCALE, PCM16_SCALE, 0]
