"""The page's axes are true, whatever the front end."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from tests.training.augment.sounds import RATE, tone
from training.augment.picture import Panel, Row, _draw_spec, _note, draw_page
from training.frontend import LogMel
from training.recipe import Recipe


def recipe_with(**front_end: object) -> Recipe:
    small = {"n_fft": 1024, "hop": 160, "n_mels": 48, "fmax": 8000}
    audio = {"sample_rate": RATE, "seconds": 1}
    return Recipe.model_validate({"name": "small", "audio": audio, "front_end": {**small, **front_end}})


def seen(waves: Tensor, recipe: Recipe) -> NDArray[np.float32]:
    spec: NDArray[np.float32] = LogMel(recipe.front_end, RATE).decibels(waves)[0].numpy()
    return spec


def drawn(spec: NDArray[np.float32], recipe: Recipe) -> Axes:
    axes = Figure().add_subplot()
    _draw_spec(axes, spec, recipe, peak=float(spec.max()))
    return axes


@pytest.mark.parametrize("front_end", [{}, {"kind": "mfcc"}, {"fmin": 200, "n_mels": 64}, {"fmax": 5000}])
@pytest.mark.parametrize("hertz", [1000, 4000])
def test_a_tone_stands_at_its_tick(front_end: dict[str, object], hertz: int) -> None:
    recipe = recipe_with(**front_end)
    spec = seen(tone(hertz), recipe)
    axes = drawn(spec, recipe)
    ticks = {label.get_text(): place for label, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}

    assert spec[:, 10].argmax() == pytest.approx(ticks[f"{hertz / 1000:g}"], abs=0.6)


def test_only_frequencies_of_the_front_end_are_named() -> None:
    recipe = recipe_with(fmin=500, fmax=4000)
    axes = drawn(seen(tone(1000), recipe), recipe)

    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "4"]
    assert max(axes.get_yticks()) <= axes.get_ylim()[1]


def test_a_click_stands_at_its_time() -> None:
    recipe = recipe_with()
    waves = torch.zeros(1, RATE)
    waves[:, 6000] = 1
    spec = seen(waves, recipe)
    axes = drawn(spec, recipe)
    left, right, *_ = axes.images[0].get_extent()
    loudest = spec.sum(axis=0).argmax()

    assert left + (loudest + 0.5) / spec.shape[1] * (right - left) == pytest.approx(6000 / RATE, abs=160 / RATE)
    assert axes.get_xlim() == pytest.approx((0, 1), abs=160 / RATE)


def test_black_is_the_floor() -> None:
    recipe = recipe_with(floor_db=-60)
    axes = drawn(seen(tone(1000), recipe), recipe)

    assert axes.images[0].get_clim()[0] == -60
    assert "-60 dB" in _note(recipe)


def test_the_page_says_what_a_model_of_cepstra_sees() -> None:
    assert "48 mel bands, in place of the 20 cepstral coefficients" in _note(recipe_with(kind="mfcc", n_mfcc=20))


def test_silence_can_be_drawn(tmp_path: Path) -> None:
    recipe, silence = recipe_with(), torch.zeros(1, RATE)
    panel = Panel("before", seen(silence, recipe), silence[0].numpy())

    page = draw_page([Row("Silence", "", (panel, panel))], recipe, tmp_path / "page.png")
    assert page.read_bytes().startswith(b"\x89PNG")
