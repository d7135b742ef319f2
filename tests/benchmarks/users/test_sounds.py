"""What users send is what it says it is, and is understood by the service however it is packed."""

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest
from starlette.datastructures import Headers

from benchmarks.users.sounds import HOP_S, KINDS, LIVE_S, PER_KIND, Live, Pace, Sound, live_sounds, sounds
from contract.audio import decode_whole, probe
from contract.errors import EarshotError
from service.bodies import audio_in, kind_of_body

RATE = 16_000


@pytest.fixture(scope="module")
def made() -> list[Sound]:
    return sounds(lambda file: f"{len(file)}")


def test_every_kind_is_sent(made: list[Sound]) -> None:
    found = [probe(sound.file) for sound in made]
    assert [(one.sample_rate, one.channels) for one in found] == [(k.rate, k.channels) for k in KINDS] * PER_KIND
    assert [sound.format for sound in made] == [kind.format for kind in KINDS] * PER_KIND
    assert len({sound.file for sound in made}) == len(made)


def test_they_are_heard_for_as_long_as_they_are_to_be(made: list[Sound]) -> None:
    for sound, kind in zip(made, KINDS, strict=False):
        heard = decode_whole(sound.file, RATE)
        assert heard.waveform.size / RATE == pytest.approx(kind.seconds, abs=0.06)  # MP3 comes in frames
        assert np.abs(heard.waveform).max() > 0.01


def test_the_oracle_hears_the_very_file(made: list[Sound]) -> None:
    assert [sound.label for sound in made] == [f"{len(sound.file)}" for sound in made]


@pytest.mark.parametrize("form", ["raw", "form", "JSON"])
def test_the_service_unpacks_every_form(made: list[Sound], form: str) -> None:
    for sound in made:
        body = sound.bodies[form]
        headers = Headers({"content-type": body.content_type})
        assert asyncio.run(audio_in(body.data, kind_of_body(headers), headers)) == sound.file


def test_live_sound_is_called_what_a_file_would_be_that_ends_with_it() -> None:
    heard: list[bytes] = []

    def oracle(file: bytes) -> str | None:
        heard.append(file)
        return f"{decode_whole(file, RATE).waveform.size / RATE:g} s"

    live = live_sounds(oracle, RATE)[0]
    assert live.labels == ("1 s", "2 s", "3 s", "4 s", "5 s")
    pcm = np.frombuffer(b"".join(live.pieces), "<i2") / 2**15
    assert pcm.size == LIVE_S * RATE
    assert np.array_equal(decode_whole(heard[4], RATE).waveform, pcm.astype(np.float32))
    assert live.label_at(2 * HOP_S) == "2 s"
    assert live.label_at(LIVE_S + HOP_S) is None


def test_a_microphone_is_in_no_hurry() -> None:
    pace = Pace(Live(bytes(2 * RATE), RATE, ()).pieces)
    begun = time.perf_counter()
    pieces = iter(pace)
    assert len(next(pieces)) == 2 * RATE // 10
    next(pieces)
    assert time.perf_counter() - begun >= 0.2
    assert pace.late_ms(0.2) == pytest.approx(1000 * (time.perf_counter() - begun - 0.2), abs=20)


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EarshotError, match="no sounds to send"):
        sounds(lambda _: None, tmp_path)
