"""Where the sound of `earshot listen` comes from, and how fast."""

import os
from pathlib import Path

import numpy as np
import pytest

from contract.audio import UndecodableAudio, decode
from service.stream.sources import PIECE_S, in_real_time, of_file, of_pipe


def test_a_file_is_sent_whole_at_its_own_rate_in_tenths_of_a_second(esc10_mini: Path) -> None:
    clip = min((esc10_mini / "audio").iterdir())
    source = of_file(clip)
    pieces = list(source.pieces)
    assert (source.sample_rate, source.sample_format, source.channels) == (44_100, "f32le", 1)
    assert {len(piece) for piece in pieces[:-1]} == {4410 * 4}
    np.testing.assert_array_equal(np.frombuffer(b"".join(pieces), "<f4"), decode(clip, 44_100))


def test_what_is_no_sound_is_refused_as_everywhere(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"hello, I am a text")
    with pytest.raises(UndecodableAudio):
        of_file(tmp_path / "a.wav")


def test_a_pipe_is_read_as_it_comes_until_it_is_closed() -> None:
    reading, writing = os.pipe()
    try:
        pieces = iter(of_pipe(reading, 1000, "s16le", 2).pieces)
        os.write(writing, bytes(30))
        assert len(next(pieces)) == 30
        os.write(writing, bytes(1000))
        assert len(next(pieces)) == 400
        os.close(writing)
        assert [len(piece) for piece in pieces] == [400, 200]
    finally:
        os.close(reading)


def test_pieces_come_when_a_microphone_would_have_them() -> None:
    now = 100.0
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    played = in_real_time([b"a", b"b", b"c", b"d"], lambda: now, sleep)
    assert next(played) == b"a"
    now += 2.5 * PIECE_S  # whoever sends was held up
    assert list(played) == [b"b", b"c", b"d"]
    np.testing.assert_allclose(slept, [PIECE_S, 0.0, 0.0, 0.5 * PIECE_S], atol=1e-9)
