"""The groups: a fixed order, and nothing spent on what is off."""

import tomllib

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.training.augment.sounds import RATE, generator
from training import augment
from training.augment import Gain, Mixing, Noise, Shift, SpecAugment, TimeMask, TimeMasking, WaveAugment


def test_the_public_names() -> None:
    assert sorted(augment.__all__) == [
        "FrequencyMasking",
        "Gain",
        "Mix",
        "Mixing",
        "Noise",
        "Pitch",
        "Polarity",
        "Reverb",
        "Shift",
        "SpecAugment",
        "Speed",
        "TimeMask",
        "TimeMasking",
        "WaveAugment",
    ]


def test_the_order_of_application() -> None:
    assert list(WaveAugment().transforms()) == [
        "speed",
        "pitch",
        "reverb",
        "shift",
        "noise",
        "polarity",
        "gain",
        "time_mask",
    ]
    assert list(SpecAugment().transforms()) == ["time", "frequency"]


def test_all_off_returns_the_batch_itself_and_draws_nothing(clips: Tensor) -> None:
    rng = generator()
    state = rng.get_state()
    specs = torch.randn(2, 4, 6)

    assert WaveAugment()(clips, RATE, rng) is clips
    assert SpecAugment()(specs, rng) is specs
    assert torch.equal(rng.get_state(), state)


def test_a_group_applies_its_transforms_one_after_the_other(clips: Tensor) -> None:
    shift, gain = Shift(p=1), Gain(p=0.5)
    rng = generator(4)
    expected = gain(shift(clips, RATE, rng), RATE, rng)

    assert torch.equal(WaveAugment(gain=gain, shift=shift)(clips, RATE, generator(4)), expected)


def test_masks_come_after_noise(clips: Tensor) -> None:
    group = WaveAugment(noise=Noise(p=1, snr_db=(0, 0)), time_mask=TimeMask(p=1, count=8))
    assert (group(clips, RATE, generator()) == 0).any(dim=1).all()


def test_a_recipe_configures_a_group() -> None:
    recipe = tomllib.loads("""
        [speed]
        p = 0.2
        ratios = ["9/10", "10/9"]
        [noise]
        p = 0.3
        snr_db = [5, 30]
    """)
    group = WaveAugment.model_validate(recipe)

    assert group.noise == Noise(p=0.3, snr_db=(5, 30))
    assert [str(ratio) for ratio in group.speed.ratios] == ["9/10", "10/9"]
    assert WaveAugment.model_validate_json(group.model_dump_json()) == group


def test_every_setting_is_described() -> None:
    for transform in [*WaveAugment().transforms().values(), *SpecAugment().transforms().values()]:
        for name, field in type(transform).model_fields.items():
            assert field.description, f"{type(transform).__name__}.{name}"


@pytest.mark.parametrize("group", [WaveAugment, SpecAugment])
def test_an_unknown_transform_is_refused(group: type[WaveAugment] | type[SpecAugment]) -> None:
    with pytest.raises(ValidationError):
        group.model_validate({"echo": {"p": 1}})


def test_groups_are_frozen() -> None:
    with pytest.raises(ValidationError):
        SpecAugment().time = TimeMasking(p=1)  # type: ignore[misc]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_everything_runs_where_the_batch_is(clips: Tensor) -> None:
    rng = torch.Generator("cuda").manual_seed(0)
    waves = clips.cuda()
    for transform in WaveAugment().transforms().values():
        waves = transform.model_copy(update={"p": 0.7})(waves, RATE, rng)
    specs = waves.unfold(1, 100, 100)
    for masking in SpecAugment().transforms().values():
        specs = masking.model_copy(update={"p": 0.7})(specs, rng)
    for kind in ("mixup", "cut_time", "cut_frequency"):
        mix = Mixing.model_validate({"none": 0, kind: 1, "equal_level": True}).draw(len(waves), rng)
        waves, specs = mix.on_waves(waves), mix.on_spectrograms(specs)

    assert waves.is_cuda
    assert specs.is_cuda
    assert waves.isfinite().all()
    assert specs.isfinite().all()
