"""What every waveform transform promises, and what each of the simple ones does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from tests.training.augment.sounds import RATE, decibels, generator
from training.augment import Gain, Noise, Pitch, Polarity, Reverb, Shift, Speed, TimeMask
from training.augment.waveform import WaveTransform

ALL: list[type[WaveTransform]] = [Gain, Noise, Pitch, Polarity, Reverb, Shift, Speed, TimeMask]
every_transform = pytest.mark.parametrize("transform", ALL)


@every_transform
def test_off_by_default_and_then_the_batch_itself_comes_back(transform: type[WaveTransform], clips: Tensor) -> None:
    rng = generator()
    before = rng.get_state()

    assert transform()(clips, RATE, rng) is clips
    assert torch.equal(rng.get_state(), before), "what is off draws nothing"


@every_transform
def test_the_input_stays_as_it_was(transform: type[WaveTransform], clips: Tensor) -> None:
    copy = clips.clone()
    for p in (0.5, 1.0):
        transform(p=p)(clips, RATE, generator())
    assert torch.equal(clips, copy)


@every_transform
def test_shape_type_and_finiteness(transform: type[WaveTransform], clips: Tensor) -> None:
    changed = transform(p=1)(clips, RATE, generator())

    assert changed.shape == clips.shape
    assert changed.dtype == clips.dtype
    assert changed.isfinite().all()
    assert not torch.equal(changed, clips)


@every_transform
def test_the_generator_decides_everything(transform: type[WaveTransform], clips: Tensor) -> None:
    torch.manual_seed(1)
    first = transform(p=0.7)(clips, RATE, generator(5))
    torch.manual_seed(2)
    again = transform(p=0.7)(clips, RATE, generator(5))

    assert torch.equal(first, again)


@every_transform
def test_silence_stays_silence(transform: type[WaveTransform]) -> None:
    silent = torch.zeros(3, 4000)
    assert torch.equal(transform(p=1)(silent, RATE, generator()), silent)


@every_transform
@settings(max_examples=15, deadline=None)
@given(rows=st.integers(0, 5), length=st.integers(1, 3000), seed=st.integers(0, 2**32))
def test_any_batch_of_any_length(transform: type[WaveTransform], rows: int, length: int, seed: int) -> None:
    waves = torch.randn(rows, length, generator=generator(seed))
    changed = transform(p=0.8)(waves, RATE, generator(seed))

    assert changed.shape == waves.shape
    assert changed.isfinite().all()


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_each_row_is_chosen_by_itself(p: float) -> None:
    waves = torch.ones(2000, 2)
    flipped = (Polarity(p=p)(waves, RATE, generator())[:, 0] < 0).float()

    assert flipped.mean().item() == pytest.approx(p, abs=0.04)  # 3.6 standard deviations
    assert (flipped[1:] == flipped[:-1]).float().mean().item() == pytest.approx(p**2 + (1 - p) ** 2, abs=0.05)


def test_rows_that_are_not_chosen_are_not_touched(clips: Tensor) -> None:
    changed = Noise(p=0.5)(clips, RATE, generator(3))
    same = (changed == clips).all(dim=1)

    assert same.any()
    assert not same.all()


@pytest.mark.parametrize(
    ("transform", "wrong"),
    [
        (Gain, {"p": 1.5}),
        (Gain, {"gain_db": (6, -6)}),
        (Gain, {"strength": 1}),
        (Shift, {"fraction": 2}),
        (TimeMask, {"count": 0}),
        (Noise, {"snr_db": (0, 500)}),
    ],
)
def test_a_setting_out_of_range_is_refused(transform: type[WaveTransform], wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        transform.model_validate(wrong)


@given(length=st.integers(1, 200), fraction=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_shift_turns_the_clip(length: int, fraction: float, seed: int) -> None:
    waves = torch.arange(length).float().expand(3, -1)
    for row in Shift(p=1, fraction=fraction)(waves, RATE, generator(seed)):
        step = int(row[0].item())
        assert torch.equal(row, waves[0].roll(-step))
        assert min(step, length - step) <= fraction * length


def test_shift_reaches_both_directions_and_no_farther_than_asked() -> None:
    waves = torch.arange(1000).float().expand(400, -1)
    starts = Shift(p=1, fraction=0.1)(waves, RATE, generator())[:, 0]
    steps = torch.where(starts > 500, starts - 1000, starts)

    assert steps.min() < -90
    assert steps.max() > 90
    assert steps.abs().max() <= 100


def test_gain_is_within_its_range(clips: Tensor) -> None:
    gains = decibels(Gain(p=1, gain_db=(-12, 3))(clips, RATE, generator())) - decibels(clips)

    assert gains.min() >= -12.001
    assert gains.max() <= 3.001
    assert gains.std() > 1


def test_polarity_changes_the_sign(clips: Tensor) -> None:
    assert torch.equal(Polarity(p=1)(clips, RATE, generator()), -clips)


@pytest.mark.parametrize("exponent", [0, 1, 2])
@pytest.mark.parametrize("snr_db", [0, 20])
def test_noise_is_as_loud_as_asked(clips: Tensor, snr_db: float, exponent: float) -> None:
    noise = Noise(p=1, snr_db=(snr_db, snr_db), exponent=(exponent, exponent))
    added = noise(clips, RATE, generator()) - clips

    assert decibels(clips) - decibels(added) == pytest.approx(torch.full((8,), float(snr_db)), abs=0.1)


@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_noise_has_the_colour_asked_for(exponent: float) -> None:
    waves = torch.ones(16, RATE)
    noise = Noise(p=1, snr_db=(0, 0), exponent=(exponent, exponent))(waves, RATE, generator()) - waves
    power = torch.fft.rfft(noise).abs().square().mean(dim=0)
    octaves_apart = 4
    low, high = power[200:300].mean(), power[200 * 2**octaves_apart : 300 * 2**octaves_apart].mean()

    expected = 10 * torch.log10(torch.tensor(2.0)) * exponent * octaves_apart
    assert 10 * torch.log10(low / high) == pytest.approx(expected, abs=1)


def test_noise_below_hearing_is_left_out() -> None:
    waves = torch.ones(4, RATE)
    noise = Noise(p=1, snr_db=(0, 0), exponent=(2, 2))(waves, RATE, generator()) - waves
    spectrum = torch.fft.rfft(noise).abs()

    assert spectrum[:, :20].max() < 1e-3 * spectrum[:, 20:40].min(dim=0).values.max()


@given(length=st.integers(10, 500), fraction=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_a_time_mask_is_one_span_of_zeros_within_the_clip(length: int, fraction: float, seed: int) -> None:
    masked = TimeMask(p=1, count=1, fraction=fraction)(torch.ones(4, length), RATE, generator(seed))
    for row in masked:
        zeros = (row == 0).nonzero()[:, 0]
        assert len(zeros) <= fraction * length
        assert len(zeros) == 0 or zeros[-1] - zeros[0] + 1 == len(zeros)


def test_time_masks_take_every_width_and_place() -> None:
    masked = TimeMask(p=1, count=1, fraction=0.5)(torch.ones(2000, 10), RATE, generator()) == 0

    assert set(masked.sum(dim=1).tolist()) == set(range(6))
    assert masked.any(dim=0).all()


def test_more_masks_take_more() -> None:
    def taken(count: int) -> float:
        mask = TimeMask(p=1, count=count, fraction=0.1)
        return (mask(torch.ones(200, 1000), RATE, generator()) == 0).float().mean().item()

    assert taken(1) == pytest.approx(0.05, abs=0.01)
    assert taken(4) == pytest.approx(1 - 0.95**4, abs=0.02)
