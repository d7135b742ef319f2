"""Windows of live sound: which there are, what is in them, and that nothing depends on how the sound is sent."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stream.session import Hop, Session
from tests.service.stream.sound import chopped, f32, opening, s16

RATE = 4000
WINDOW = 5000
"""Samples: one and a quarter seconds."""
SECOND = np.arange(RATE) / RATE


def hops_of(session: Session, pieces: list[bytes]) -> list[Hop]:
    hops = [hop for piece in pieces for hop in session.feed(piece)]
    return hops + list(session.end())


def test_the_first_hop_is_heard_at_once_and_later_ones_over_a_window() -> None:
    sound = np.tile(SECOND, 3)
    hops = list(Session(opening(), RATE, WINDOW).feed(f32(sound)))
    assert [(hop.number, hop.start, hop.end) for hop in hops] == [(1, 0, 4000), (2, 3000, 8000), (3, 7000, 12000)]
    for hop in hops:
        np.testing.assert_array_equal(hop.window, sound[hop.start : hop.end].astype(np.float32))


def test_no_hop_comes_before_its_last_sample() -> None:
    session = Session(opening(), RATE, WINDOW)
    assert not list(session.feed(f32(SECOND[:-1])))
    assert [hop.end for hop in session.feed(f32(SECOND[-1:]))] == [RATE]


def test_a_hop_may_be_longer_than_a_window() -> None:
    sound = np.tile(SECOND, 6)
    hops = list(Session(opening(hop_s=3), RATE, WINDOW).feed(f32(sound)))
    assert [(hop.start, hop.end) for hop in hops] == [(7000, 12000), (19000, 24000)]
    np.testing.assert_array_equal(hops[1].window, sound[19000:24000].astype(np.float32))


@pytest.mark.parametrize(
    ("seconds", "ends"), [(0.2, [0.2]), (1.0, [1.0]), (1.2, [1.0]), (1.25, [1.0, 1.25]), (0, [])]
)
def test_what_is_left_at_the_end_is_heard_if_it_could_be_named(seconds: float, ends: list[float]) -> None:
    sound = f32(np.zeros(round(seconds * RATE)))
    assert [hop.end / RATE for hop in hops_of(Session(opening(), RATE, WINDOW), [sound])] == ends


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5000), max_size=30),
    format_=st.sampled_from(["s16le", "f32le"]),
    rate=st.sampled_from([4000, 11_025, 16_000]),
    channels=st.integers(1, 3),
    hop_s=st.sampled_from([0.1, 0.37, 1.0]),
)
def test_the_cut_of_the_messages_changes_nothing(
    sizes: list[int], format_: str, rate: int, channels: int, hop_s: float
) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (rate * 13 // 10, channels))
    data = f32(sound) if format_ == "f32le" else s16(sound)
    asked = opening(format=format_, sample_rate=rate, channels=channels, hop_s=hop_s)
    whole = hops_of(Session(asked, RATE, WINDOW), [data])
    cut = hops_of(Session(asked, RATE, WINDOW), chopped(data, sizes))
    assert [hop[:3] for hop in cut] == [hop[:3] for hop in whole]
    for one, other in zip(cut, whole, strict=True):
        np.testing.assert_array_equal(one.window, other.window)


def test_a_window_is_a_copy_that_later_sound_leaves_alone() -> None:
    session = Session(opening(), RATE, WINDOW)
    first = next(iter(session.feed(f32(np.full(RATE, 0.5)))))
    list(session.feed(f32(np.full(10 * RATE, 0.25))))
    assert (first.window == 0.5).all()


def test_memory_does_not_grow_with_what_was_heard() -> None:
    session, piece = Session(opening(), RATE, WINDOW), f32(SECOND)
    list(session.feed(piece))
    tracemalloc.start()
    try:
        for _ in range(300):
            for _hop in session.feed(piece):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert session.heard == 301 * RATE
    assert peak < 10 * 4 * WINDOW
