"""Files to listen to, and what is shown of each transform."""

from itertools import pairwise
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from contract.audio import Waveform
from tests.training.augment.sounds import RATE
from training.augment.picture import Panel, Row
from training.augment.render import demonstrate, render
from training.frontend import LogMel
from training.recipe import Recipe

RAIN = 2
"""A clip without silence: wherever a mask falls, it takes something."""
HEARD = ["speed", "pitch", "reverb", "shift", "noise", "polarity", "gain", "time-mask", "mixup-of-waveforms"]
SECONDS = 0.5
SAMPLES = 8000


def recipe_with(**sections: object) -> Recipe:
    front_end = {"n_fft": 512, "hop": 320, "n_mels": 40, "fmax": 8000}
    audio = {"sample_rate": RATE, "seconds": SECONDS}
    return Recipe.model_validate({"name": "tiny", "audio": audio, "front_end": front_end, **sections})


RECIPE = recipe_with()


@pytest.fixture(scope="module")
def rain(clips: Tensor) -> Waveform:
    wave: Waveform = clips[RAIN, :SAMPLES].numpy()
    return wave


@pytest.fixture(scope="module")
def written(rain: Waveform, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return render(rain, RECIPE, tmp_path_factory.mktemp("render") / "made", seed=1)


def panels(rows: list[Row]) -> list[Panel]:
    return [panel for row in rows for panel in row.panels]


def partners(rows: list[Row]) -> list[Panel]:
    return [panel for panel in panels(rows) if panel.caption == "partner"]


def test_one_file_per_waveform_transform_and_one_picture(written: list[Path]) -> None:
    sounds = [f"{number:02}-{name}.wav" for number, name in enumerate(["original", *HEARD])]
    assert [path.name for path in written] == [*sounds, "augmentations.png"]


def test_every_file_is_the_clip_changed(written: list[Path], rain: Waveform) -> None:
    original, *changed = [soundfile.read(path, dtype="float32") for path in written[:-1]]

    assert np.array_equal(original[0], rain)
    for samples, rate in changed:
        assert rate == RATE
        assert samples.shape == original[0].shape
        assert not np.array_equal(samples, original[0])


def test_the_picture_has_something_on_it(written: list[Path]) -> None:
    picture = matplotlib.image.imread(written[-1])

    assert picture.shape[0] > 1000
    assert picture.shape[1] > 1000
    assert 0.2 < (picture[..., :3].min(axis=2) < 0.9).mean() < 0.9


@pytest.mark.parametrize("kind", ["logmel", "mfcc"])
def test_spectrograms_are_those_of_the_front_end(rain: Waveform, kind: str) -> None:
    recipe = recipe_with(front_end={"kind": kind, "n_fft": 1024, "hop": 400, "n_mels": 64, "fmax": 7000})
    front_end = LogMel(recipe.front_end, RATE)
    heard = [panel for panel in panels(demonstrate(rain, recipe, 1)) if panel.wave is not None]

    assert len(heard) == 2 * 8 + 3
    for panel in heard:
        expected = front_end.decibels(torch.from_numpy(panel.wave)[None])[0].numpy()
        assert np.array_equal(panel.spec, expected), panel.caption


def test_strengths_are_those_of_the_recipe(rain: Waveform) -> None:
    recipe = recipe_with(
        wave_augment={"gain": {"gain_db": [-20, -20]}},
        spectrogram_augment={"time": {"width": 0.5}},
        mixing={"equal_level": True},
    )
    rows = {row.title: row for row in demonstrate(rain, recipe, 1)}

    after = rows["Gain"].panels[-1].wave
    assert after is not None
    assert after == pytest.approx(0.1 * rain, abs=1e-6)
    assert rows["Gain"].settings == "gain db -20 to -20"
    assert "width 0.5" in rows["Time masking"].settings
    assert "equally loud" in rows["Mixup of waveforms"].settings


@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_a_mask_covers_with_the_mean(rain: Waveform, fill: str) -> None:
    recipe = recipe_with(spectrogram_augment={"time": {"fill": fill, "width": 0.3}})
    row = next(row for row in demonstrate(rain, recipe, 1) if row.title == "Time masking")
    before, after = (panel.spec for panel in row.panels)
    covered = ~np.isclose(before, after, atol=1e-3).all(axis=0)

    assert 0 < covered.sum() < before.shape[1]
    assert after[:, covered] == pytest.approx(before.mean(), abs=1e-3)


@pytest.mark.parametrize("samples", [100, SAMPLES, 3 * SAMPLES])
def test_a_partner_is_cut_or_padded_to_the_clip(clips: Tensor, rain: Waveform, samples: int) -> None:
    other = np.resize(clips[0].numpy(), samples)
    rows = demonstrate(rain, RECIPE, 1, other)
    heard, *seen = partners(rows)

    assert heard.wave is not None
    assert len(heard.wave) == len(rain)
    assert np.array_equal(heard.wave[:samples], other[: len(rain)])
    assert not heard.wave[samples:].any()
    assert [np.array_equal(heard.spec, panel.spec) for panel in seen] == [True] * 3


def test_without_a_partner_a_tone_rises(rain: Waveform) -> None:
    highest = partners(demonstrate(rain, RECIPE, 1))[0].spec[:, ::5].argmax(axis=0).tolist()
    assert all(low <= high for low, high in pairwise(highest))
    assert highest[0] < highest[-1]


def test_a_clip_shorter_than_a_frame_is_padded_to_the_window(rain: Waveform) -> None:
    rows = demonstrate(rain[:100], RECIPE, 1)
    assert {panel.wave.size for panel in panels(rows) if panel.wave is not None} == {SAMPLES}


def test_a_longer_clip_is_shown_whole(clips: Tensor) -> None:
    rows = demonstrate(clips[RAIN].numpy(), RECIPE, 1)
    assert {panel.wave.size for panel in panels(rows) if panel.wave is not None} == {clips.shape[1]}
