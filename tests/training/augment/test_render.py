"""Files to listen to and a page to look at."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile
from torch import Tensor

from tests.training.augment.sounds import RATE
from training.augment.render import render

RAIN = 2
"""A clip without silence: wherever a mask falls, it takes something."""


@pytest.fixture(scope="module")
def written(clips: Tensor, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return render(clips[RAIN].numpy(), RATE, tmp_path_factory.mktemp("render") / "made", seed=1)


def test_one_file_per_waveform_transform_and_one_picture(written: list[Path]) -> None:
    assert [path.name for path in written] == [
        "00-original.wav",
        "01-speed.wav",
        "02-pitch.wav",
        "03-reverb.wav",
        "04-shift.wav",
        "05-noise.wav",
        "06-polarity.wav",
        "07-gain.wav",
        "08-time-mask.wav",
        "09-mixup.wav",
        "augmentations.png",
    ]


def test_every_file_is_the_clip_changed(written: list[Path], clips: Tensor) -> None:
    original, *changed = [soundfile.read(path, dtype="float32") for path in written[:-1]]

    assert np.array_equal(original[0], clips[RAIN].numpy())
    for samples, rate in changed:
        assert rate == RATE
        assert samples.shape == original[0].shape
        assert not np.array_equal(samples, original[0])


def test_the_picture_has_something_on_it(written: list[Path]) -> None:
    picture = matplotlib.image.imread(written[-1])

    assert picture.shape[0] > 1000
    assert picture.shape[1] > 1000
    assert 0.2 < (picture[..., :3].min(axis=2) < 0.9).mean() < 0.9
