"""Raw PCM is heard as the same sound in a file would be."""

import numpy as np
import pytest

from contract.audio import UndecodableAudio, decode
from service.stream.pcm import Intake
from tests.service.stream.sound import f32, opening, s16

RATE = 4000


def test_both_forms_of_samples_are_the_same_sound() -> None:
    sound = np.array([0.0, 0.5, -1.0, 0.25])
    as_floats = Intake(opening(), RATE).hear(f32(sound))
    as_integers = Intake(opening(format="s16le"), RATE).hear(s16(sound))
    np.testing.assert_array_equal(as_floats, sound)
    np.testing.assert_array_equal(as_integers, sound)


def test_the_mean_of_the_channels_is_heard() -> None:
    frames = np.array([[0.5, -0.5], [1.0, 0.0], [0.25, 0.25]])
    heard = Intake(opening(channels=2), RATE).hear(f32(frames))
    np.testing.assert_array_equal(heard, [0.0, 0.5, 0.25])


def test_a_frame_may_be_split_between_messages() -> None:
    frames = f32(np.array([[0.5, -0.5], [1.0, 0.0]]))
    intake = Intake(opening(channels=2), RATE)
    heard = [intake.hear(frames[i : i + 1]) for i in range(len(frames))]
    np.testing.assert_array_equal(np.concatenate(heard), [0.0, 0.5])


@pytest.mark.parametrize("target", [16_000, 44_100, 48_000])
def test_it_is_resampled_as_a_file_is(rooster: bytes, target: int) -> None:
    of_file = decode(rooster, target)
    pcm = s16(decode(rooster, 32_000))
    intake = Intake(opening(format="s16le", sample_rate=32_000), target)
    pieces = [intake.hear(pcm[i : i + 9_999]) for i in range(0, len(pcm), 9_999)]
    np.testing.assert_array_equal(np.concatenate([*pieces, intake.end()]), of_file)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e20, -1e20])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_refused_in_a_file_is_no_sound(bad: float, channels: int) -> None:
    intake = Intake(opening(channels=channels), RATE)
    with pytest.raises(UndecodableAudio, match="not numbers"):
        intake.hear(f32(np.array([0.0, 0.0, 0.0, bad])))


def test_a_mean_beyond_all_range_is_no_sound() -> None:
    with pytest.raises(UndecodableAudio):
        Intake(opening(channels=2), RATE).hear(f32(np.array([3e38, 3e38])))
