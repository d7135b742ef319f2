"""Mixes carry labels that are true of what they made."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from tests.training.augment.sounds import decibels, generator, tone
from training.augment import Mix, Mixing

KINDS = ("mixup", "cut_time", "cut_frequency")


def certain(kind: str, **settings: object) -> Mixing:
    return Mixing.model_validate({"none": 0, kind: 1, **settings})


def target(mix: Mix) -> Tensor:
    """Soft labels if every row were a class of its own."""
    own = torch.eye(len(mix.weight))
    return mix.weight[:, None] * own + (1 - mix.weight[:, None]) * own[mix.partner]


def test_no_mixing_by_default() -> None:
    rng = generator()
    state = rng.get_state()
    mix = Mixing().draw(4, rng)
    waves, specs = torch.randn(4, 10), torch.randn(4, 3, 5)

    assert mix.kind == "none"
    assert mix.on_waves(waves) is waves
    assert mix.on_spectrograms(specs) is specs
    assert torch.equal(target(mix), torch.eye(4))
    assert torch.equal(rng.get_state(), state), "what is off draws nothing"


def test_kinds_come_by_weight() -> None:
    mixing = Mixing(none=1, mixup=2, cut_time=1, cut_frequency=0)
    rng = generator()
    kinds = [mixing.draw(2, rng).kind for _ in range(800)]

    assert kinds.count("mixup") / 800 == pytest.approx(0.5, abs=0.07)
    assert kinds.count("cut_time") / 800 == pytest.approx(0.25, abs=0.06)
    assert kinds.count("none") / 800 == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("kind", KINDS)
@given(size=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_partners_and_weights(kind: str, size: int, seed: int) -> None:
    mix = certain(kind).draw(size, generator(seed))

    assert mix.partner.dtype == torch.int64
    assert mix.weight.dtype == torch.float32
    assert sorted(mix.partner.tolist()) == list(range(size))
    assert size == 1 or (mix.partner != torch.arange(size)).all()
    assert ((mix.weight >= 0) & (mix.weight <= 1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_decides_everything(kind: str) -> None:
    first, again, other = (certain(kind).draw(16, generator(seed)) for seed in (7, 7, 8))

    assert torch.equal(first.partner, again.partner)
    assert torch.equal(first.weight, again.weight)
    assert torch.equal(first.start, again.start)
    assert not torch.equal(first.weight, other.weight)


def test_mixup_of_waveforms_mixes_as_the_labels_do() -> None:
    mix = certain("mixup").draw(8, generator())
    one_hot = torch.eye(8)

    torch.testing.assert_close(mix.on_waves(one_hot), target(mix))
    assert torch.equal(one_hot, torch.eye(8))
    specs = torch.randn(8, 3, 4)
    assert mix.on_spectrograms(specs) is specs


def test_mixup_of_spectrograms_mixes_as_the_labels_do() -> None:
    mix = certain("mixup", mixup_domain="spectrogram").draw(8, generator())
    one_hot = torch.eye(8)[:, None, :].expand(8, 5, 8)

    torch.testing.assert_close(mix.on_spectrograms(one_hot)[:, 2], target(mix))
    waves = torch.randn(8, 10)
    assert mix.on_waves(waves) is waves


@given(alpha=st.sampled_from([0.1, 0.4, 1.0, 8.0]), seed=st.integers(0, 1000))
def test_shares_follow_beta(alpha: float, seed: int) -> None:
    weight = certain("mixup", mixup_alpha=alpha).draw(4000, generator(seed)).weight
    variance = 1 / (4 * (2 * alpha + 1))

    assert weight.mean().item() == pytest.approx(0.5, abs=5 * (variance / 4000) ** 0.5)
    assert weight.var().item() == pytest.approx(variance, rel=0.15)


@pytest.mark.parametrize("kind", ["cut_time", "cut_frequency"])
@given(rows=st.integers(1, 6), bands=st.integers(1, 70), frames=st.integers(1, 70), seed=st.integers(0, 2**32))
def test_a_cut_takes_exactly_the_area_the_weight_says(
    kind: str, rows: int, bands: int, frames: int, seed: int
) -> None:
    mix = certain(kind).draw(rows, generator(seed))
    one_hot = torch.eye(rows)[:, :, None, None].expand(rows, rows, bands, frames)
    for label in range(rows):
        area = mix.on_spectrograms(one_hot[:, label]).mean(dim=(1, 2))
        torch.testing.assert_close(area, target(mix)[:, label], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("kind", "axis"), [("cut_time", 2), ("cut_frequency", 1)])
def test_a_cut_is_one_span_of_the_partner_at_its_own_place(kind: str, axis: int) -> None:
    specs = torch.randn(6, 40, 60)
    copy = specs.clone()
    mix = certain(kind).draw(6, generator())
    mixed = mix.on_spectrograms(specs)
    own = (mixed == specs).all(dim=3 - axis)
    partners = torch.isclose(mixed, specs[mix.partner], atol=1e-6).all(dim=3 - axis)

    assert torch.equal(specs, copy)
    assert ((~own & ~partners).sum(dim=1) <= 2).all(), "only the two edges hold some of both"
    for row in partners:
        inside = row.nonzero()[:, 0]
        assert len(inside) == 0 or inside[-1] - inside[0] + 1 == len(inside)
    waves = torch.randn(6, 10)
    assert mix.on_waves(waves) is waves


def test_equal_level_makes_a_quiet_clip_heard() -> None:
    waves = torch.cat([tone(500), 0.001 * tone(3000)])
    mix = Mix("mixup", torch.tensor([1, 0]), torch.tensor([0.5, 0.5]), torch.zeros(2), equal_level=True)
    spectrum = torch.fft.rfft(mix.on_waves(waves)).abs()

    assert spectrum[:, 500] == pytest.approx(spectrum[:, 3000], rel=0.01)


def test_equal_level_keeps_energy_of_equals() -> None:
    waves = torch.randn(16, 16_000, generator=generator(2))
    mix = certain("mixup", equal_level=True, mixup_alpha=5).draw(16, generator())

    assert decibels(mix.on_waves(waves)) == pytest.approx(decibels(waves), abs=0.2)


def test_equal_level_of_silence_is_silence() -> None:
    mix = certain("mixup", equal_level=True).draw(3, generator())
    assert torch.equal(mix.on_waves(torch.zeros(3, 20)), torch.zeros(3, 20))


@pytest.mark.parametrize("wrong", [{"none": 0}, {"mixup": -1}, {"mixup_alpha": 0}, {"cutmix": 1}])
def test_a_setting_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Mixing.model_validate(wrong)
