"""Masks of SpecAugment."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from tests.training.augment.sounds import generator
from training.augment import FrequencyMasking, TimeMasking
from training.augment.spectrogram import Masking

either_axis = pytest.mark.parametrize("masking", [TimeMasking, FrequencyMasking])


def specs(rows: int = 4, bands: int = 32, frames: int = 50) -> Tensor:
    return torch.randn(rows, bands, frames, generator=generator(1)) + 5


@either_axis
def test_off_by_default(masking: type[Masking]) -> None:
    batch = specs()
    assert masking()(batch, generator()) is batch


@either_axis
def test_same_generator_same_masks_and_the_input_stays(masking: type[Masking]) -> None:
    batch = specs()
    first = masking(p=0.7)(batch, generator(3))

    assert torch.equal(first, masking(p=0.7)(batch, generator(3)))
    assert torch.equal(batch, specs())
    assert first.shape == batch.shape


@either_axis
def test_half_of_the_rows(masking: type[Masking]) -> None:
    batch = torch.ones(1000, 4, 4)
    changed = masking(p=0.5, width=1, masks=16, fill="zero")(batch, generator())

    assert (changed != 1).any(dim=(1, 2)).float().mean().item() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(("masking", "axis"), [(TimeMasking, 2), (FrequencyMasking, 1)])
@pytest.mark.parametrize("width", [0.1, 0.3, 1.0])
def test_one_mask_is_one_band_of_the_whole_other_axis(masking: type[Masking], axis: int, width: float) -> None:
    batch = torch.ones(50, 32, 50)
    covered = masking(p=1, masks=1, width=width, fill="zero")(batch, generator()) == 0
    places = covered.all(dim=3 - axis)

    assert torch.equal(places, covered.any(dim=3 - axis))
    assert places.sum(dim=1).max() <= width * batch.shape[axis]
    for row in places:
        inside = row.nonzero()[:, 0]
        assert len(inside) == 0 or inside[-1] - inside[0] + 1 == len(inside)


def test_rows_have_their_own_masks() -> None:
    covered = TimeMasking(p=1, fill="zero")(torch.ones(20, 3, 100), generator()) == 0
    assert len({tuple(row[0].tolist()) for row in covered}) > 15


def test_masks_take_every_width_and_place() -> None:
    covered = TimeMasking(p=1, masks=1, width=0.5, fill="zero")(torch.ones(2000, 1, 10), generator())[:, 0] == 0

    assert set(covered.sum(dim=1).tolist()) == set(range(6))
    assert covered.any(dim=0).all()


def test_the_fill_is_the_mean_of_the_row() -> None:
    batch = specs()
    changed = FrequencyMasking(p=1, width=0.5)(batch, generator())
    for before, after in zip(batch, changed, strict=True):
        new = after[before != after]
        assert new == pytest.approx(before.mean().expand(len(new)), rel=1e-5)


@either_axis
@given(
    shape=st.tuples(st.integers(0, 4), st.integers(1, 20), st.integers(1, 20)),
    masks=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_any_shape(masking: type[Masking], shape: tuple[int, int, int], masks: int, seed: int) -> None:
    changed = masking(p=0.8, masks=masks, width=1)(torch.ones(shape), generator(seed))
    assert torch.equal(changed, torch.ones(shape))  # the mean of ones is one


@pytest.mark.parametrize("wrong", [{"masks": 0}, {"width": 1.1}, {"fill": "noise"}, {"p": -0.1}, {"size": 3}])
def test_a_setting_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TimeMasking.model_validate(wrong)
