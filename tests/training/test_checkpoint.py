"""Checkpoints come back as they were written, and damaged ones are refused in words."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from training.checkpoint import CheckpointError, ModelFacts, build_classifier, load_model, load_state, save_model
from training.recipe import Recipe

LABELS = ("dog", "rain", "rooster")


@pytest.fixture
def facts(tiny: Recipe) -> ModelFacts:
    return ModelFacts(
        recipe=tiny, labels=LABELS, dataset="esc", held_out_folds=(1,), epochs=2.5, commit="abc",
        metrics={"accuracy": 0.5},
    )  # fmt: skip


def test_a_model_answers_as_before(tmp_path: Path, facts: ModelFacts) -> None:
    model = build_classifier(facts.recipe, 3).eval()
    model.frontend.fit_normalisation([torch.randn(2, 80000)])
    save_model(tmp_path / "m.safetensors", model, facts)
    again, said = load_model(tmp_path / "m.safetensors")
    waves = torch.randn(2, 80000)
    assert torch.equal(model(waves).logits, again(waves).logits)
    assert said == facts
    assert not again.training


def test_half_the_bytes_for_almost_the_same_answers(tmp_path: Path, facts: ModelFacts) -> None:
    model = build_classifier(facts.recipe, 3).eval()
    save_model(tmp_path / "whole.safetensors", model, facts)
    save_model(tmp_path / "half.safetensors", model, facts, half=True)
    header = 10_000
    whole, half = ((tmp_path / name).stat().st_size for name in ("whole.safetensors", "half.safetensors"))
    assert half < whole / 2 + header
    again, _ = load_model(tmp_path / "half.safetensors")
    waves = torch.randn(2, 80000)
    assert torch.allclose(model(waves).logits, again(waves).logits, atol=0.01)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.safetensors: no such checkpoint"):
        load_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint at all", b"\xff" * 100])
def test_a_damaged_file_is_named(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"bad\.safetensors is damaged"):
        load_model(tmp_path / "bad.safetensors")


def test_a_file_cut_short_is_named(tmp_path: Path, facts: ModelFacts) -> None:
    path = tmp_path / "cut.safetensors"
    save_model(path, build_classifier(facts.recipe, 3), facts)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path)


def test_somebody_elses_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not written by Earshot"):
        load_model(tmp_path / "other.safetensors")


def test_weights_that_do_not_fit_their_recipe_are_refused(tmp_path: Path, facts: ModelFacts) -> None:
    save_model(tmp_path / "m.safetensors", build_classifier(facts.recipe, 7), facts)
    with pytest.raises(CheckpointError, match="do not fit the recipe"):
        load_model(tmp_path / "m.safetensors")


def test_a_finished_model_is_not_a_state_to_resume_from(tmp_path: Path, facts: ModelFacts) -> None:
    save_model(tmp_path / "m.safetensors", build_classifier(facts.recipe, 3), facts)
    with pytest.raises(CheckpointError, match="cannot be resumed"):
        load_state(tmp_path / "m.safetensors")


def test_others_may_read_it_as_any_new_file(tmp_path: Path, facts: ModelFacts) -> None:
    save_model(tmp_path / "m.safetensors", build_classifier(facts.recipe, 3), facts)
    (tmp_path / "plain").touch()
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_writing_leaves_nothing_beside_the_file(tmp_path: Path, facts: ModelFacts) -> None:
    save_model(tmp_path / "m.safetensors", build_classifier(facts.recipe, 3), facts)
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]
