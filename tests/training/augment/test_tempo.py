"""Speed moves everything by its factor, pitch moves tones alone."""

import math
from fractions import Fraction

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.training.augment.sounds import RATE, decibels, generator, strongest_hertz, tone
from training.augment import Pitch, Speed
from training.augment.tempo import stretch, stretched_frames
from training.torchaudio_shim import torchaudio


@pytest.mark.parametrize("factor", ["4/5", "9/10", "11/10", "6/5"])
def test_speed_moves_a_tone_by_the_factor(factor: str) -> None:
    waves = tone(1000)
    changed = Speed.model_validate({"p": 1, "ratios": [factor]})(waves, RATE, generator())

    assert strongest_hertz(changed) == pytest.approx(1000 * float(Fraction(factor)), abs=2)


@pytest.mark.parametrize("factor", [Fraction(4, 5), Fraction(6, 5)])
def test_speed_moves_an_event_towards_the_beginning_or_the_end(factor: Fraction) -> None:
    waves = torch.zeros(1, RATE)
    waves[0, 8000] = 1
    changed = Speed(p=1, ratios=(factor,))(waves, RATE, generator())

    assert changed.abs().argmax().item() == pytest.approx(8000 / factor, abs=1)


def test_a_faster_clip_begins_again() -> None:
    waves = tone(440) * torch.linspace(1, 0, RATE)
    changed = Speed(p=1, ratios=(Fraction(6, 5),))(waves, RATE, generator())
    end = math.ceil(RATE / 1.2)

    assert torch.equal(changed[:, end:], changed[:, : RATE - end])


def test_speed_does_not_fold_what_no_longer_fits() -> None:
    """7.5 kHz at 6/5 would be 9 kHz, above half of 16 kHz."""
    changed = Speed(p=1, ratios=(Fraction(6, 5),))(tone(7500), RATE, generator())
    assert decibels(changed)[0] - decibels(tone(7500))[0] < -25


def test_a_small_factor_may_repeat_a_clip_more_than_once() -> None:
    changed = Speed(p=1, ratios=(Fraction(2),))(tone(500, seconds=0.01), RATE, generator())
    assert changed.shape == (1, 160)


def test_rows_draw_their_own_factors() -> None:
    found = strongest_hertz(Speed(p=1)(tone(1000, rows=40), RATE, generator()))
    assert {round(hertz / 100) for hertz in found.tolist()} == {8, 9, 11, 12}


@pytest.mark.parametrize("ratio", ["8/9", "17/18", "18/17", "9/8"])
def test_pitch_moves_a_tone_and_keeps_its_level(ratio: str) -> None:
    waves = tone(1000)
    changed = Pitch.model_validate({"p": 1, "ratios": [ratio]})(waves, RATE, generator())

    assert changed.shape == waves.shape
    assert strongest_hertz(changed) == pytest.approx(1000 * float(Fraction(ratio)), abs=4)
    assert decibels(changed) == pytest.approx(decibels(waves), abs=0.1)


@pytest.mark.parametrize("ratio", [Fraction(8, 9), Fraction(9, 8)])
def test_pitch_leaves_events_where_they_are(ratio: Fraction) -> None:
    waves = tone(1000)
    waves[:, : RATE // 2] = 0
    changed = Pitch(p=1, ratios=(ratio,))(waves, RATE, generator())
    quiet, loud = changed[:, : RATE // 2 - 1024], changed[:, RATE // 2 + 1024 :]

    assert decibels(quiet)[0] < decibels(loud)[0] - 30


@pytest.mark.parametrize("ratio", [Fraction(5, 4), Fraction(8, 9)])
def test_the_vocoder_is_torchaudios(ratio: Fraction) -> None:
    """In double precision, and at ratios whose inverse float64 holds or rounds up, the two do the same."""
    frames = torch.randn(2, 129, 40, dtype=torch.complex128, generator=generator())
    advance = torch.linspace(0, math.pi * 64, 129, dtype=torch.float64)[:, None]
    theirs = torchaudio.functional.phase_vocoder(frames, float(1 / ratio), advance)

    torch.testing.assert_close(stretched_frames(frames, ratio), theirs)


@pytest.mark.parametrize("ratio", [Fraction(8, 9), Fraction(1), Fraction(9, 8)])
def test_stretching_changes_the_length_and_not_the_pitch(ratio: Fraction) -> None:
    longer = stretch(tone(1000), ratio)

    assert longer.shape[1] == math.ceil(RATE * ratio)
    assert strongest_hertz(longer) == pytest.approx(1000, abs=3)


def test_stretching_by_one_changes_nothing(clips: Tensor) -> None:
    torch.testing.assert_close(stretch(clips, Fraction(1)), clips, atol=1e-4, rtol=0)


def test_sound_after_digital_silence_keeps_its_level() -> None:
    """A bin of silence has no direction; it must not silence the frames after it."""
    waves = torch.cat([torch.zeros(1, RATE), tone(1000)], dim=1)
    longer = stretch(waves, Fraction(9, 8))

    assert decibels(longer[:, -RATE // 2 : -2000]) == pytest.approx(decibels(tone(1000)), abs=0.5)


@pytest.mark.parametrize("ratio", ["3/1", "1/3", "101/100", "-1/2", "x"])
@pytest.mark.parametrize("transform", [Speed, Pitch])
def test_only_simple_ratios_are_taken(transform: type[Speed] | type[Pitch], ratio: str) -> None:
    with pytest.raises(ValidationError):
        transform.model_validate({"ratios": [ratio]})


def test_there_must_be_a_ratio() -> None:
    with pytest.raises(ValidationError):
        Speed(ratios=())


def test_ratios_survive_a_recipe_file() -> None:
    speed = Speed(p=0.3)
    written = speed.model_dump(mode="json")

    assert written["ratios"] == ["4/5", "9/10", "11/10", "6/5"]
    assert Speed.model_validate(written) == speed
