"""The loop learns, and a run that was cut off ends exactly as one that was not."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contract.errors import EarshotError
from tests.training.conftest import after, changed, final_weights, same
from training.checkpoint import MODEL_FILE, STATE_FILE, CheckpointError, load_model, load_state
from training.evaluation import predict
from training.loop import PREDICTIONS_FILE, Interrupted, Run
from training.material import Material, Sounds
from training.observers import Look, Observer, StepReport
from training.recipe import Recipe

CPU = torch.device("cpu")


class Watcher(Observer):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.looks: list[Look] = []

    def stepped(self, report: StepReport) -> None:
        self.losses.append(float(report.loss))

    def looked(self, look: Look) -> None:
        self.looks.append(look)


def test_it_learns_real_sounds(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    recipe = changed(tiny, mixing={"mixup": 0}, loss={"label_smoothing": 0}, loop={"epochs": 40})
    watcher = Watcher()
    facts = Run(recipe, material, tmp_path, CPU).train([watcher])
    learned = predict(load_model(tmp_path / MODEL_FILE)[0], material.train, CPU)
    assert learned.loss < 0.45  # chance is ln 4 = 1.39
    assert learned.accuracy > 0.85
    assert facts.metrics["accuracy"] > 0.5  # chance is 0.25; 8 clips held out
    assert len(watcher.losses) == 40 * 4


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("stopped_after", [8, 11], ids=["between epochs", "within an epoch"])
def test_a_run_cut_off_and_resumed_is_equal_bit_for_bit(
    tiny: Recipe, material: Material, tmp_path: Path, stopped_after: int, precision: str
) -> None:
    recipe = changed(tiny, loop={"precision": precision})
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    Run(recipe, material, whole, CPU).train()
    with pytest.raises(Interrupted):
        Run(recipe, material, cut, CPU).train(stop=after(stopped_after))
    torch.manual_seed(12345)  # whatever else drew random numbers meanwhile does not matter
    state = load_state(cut / STATE_FILE)
    assert state.progress.step == stopped_after
    Run(state.facts.recipe, material, cut, CPU, state).train()
    assert same(final_weights(whole), final_weights(cut))


def test_a_resumed_run_remembers_the_time_it_has_taken(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        Run(tiny, material, tmp_path, CPU).train(stop=after(2))
    state = load_state(tmp_path / STATE_FILE)
    assert state.facts.minutes
    assert 0 < state.facts.minutes < 1
    hour_later = replace(state, facts=state.facts.model_copy(update={"minutes": 60}))
    assert Run(tiny, material, tmp_path, CPU, hour_later).train().minutes == pytest.approx(60.5, abs=0.5)


def test_the_same_seed_gives_the_same_model_and_another_does_not(
    tiny: Recipe, material: Material, tmp_path: Path
) -> None:
    short = changed(tiny, loop={"epochs": 1})
    for name, recipe in {"a": short, "b": short, "c": changed(short, loop={"seed": 1})}.items():
        Run(recipe, material, tmp_path / name, CPU).train()
    assert same(final_weights(tmp_path / "a"), final_weights(tmp_path / "b"))
    assert not same(final_weights(tmp_path / "a"), final_weights(tmp_path / "c"))


def test_a_run_may_start_from_a_model(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    Run(changed(tiny, loop={"epochs": 1}), material, tmp_path, CPU).train()
    model, _ = load_model(tmp_path / MODEL_FILE)
    run = Run(tiny, material, tmp_path / "on", CPU, start=model)
    assert same(run.model.state_dict(), model.state_dict())  # its normalisation too
    assert same(run.average.module.state_dict(), model.state_dict())
    assert run.step == 0


def test_a_run_is_not_resumed_on_other_clips(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        Run(tiny, sounds.split(frozenset({1})), tmp_path, CPU).train(stop=after(1))
    state = load_state(tmp_path / STATE_FILE)
    with pytest.raises(CheckpointError, match="other clips or another split"):
        Run(tiny, sounds.split(frozenset({2})), tmp_path, CPU, state)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_and_keeps_float32_weights(
    tiny: Recipe, material: Material, tmp_path: Path, precision: str
) -> None:
    recipe = changed(tiny, loop={"epochs": 6, "precision": precision})
    watcher = Watcher()
    run = Run(recipe, material, tmp_path, CPU)
    run.train([watcher])
    assert sum(watcher.losses[-8:]) < 0.9 * sum(watcher.losses[:8])
    assert all(p.dtype == torch.float32 for p in run.model.parameters())


def test_multi_hot_targets_learn_too(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    recipe = changed(tiny, loss={"kind": "bce"}, loop={"epochs": 6})
    watcher = Watcher()
    Run(recipe, material, tmp_path, CPU).train([watcher])
    assert sum(watcher.losses[-8:]) < 0.9 * sum(watcher.losses[:8])


def test_it_looks_at_the_clips_held_out_as_often_as_asked(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    watcher = Watcher()
    facts = Run(tiny, material, tmp_path, CPU).train([watcher])
    assert [(look.epoch, look.side) for look in watcher.looks] == [(2, "held_out"), (4, "held_out")]
    assert facts.metrics["accuracy"] == watcher.looks[-1].predictions.accuracy


def test_early_stopping_looks_at_a_fold_of_its_own(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    recipe = changed(tiny, optimiser={"lr": 1e-9}, loop={"epochs": 50, "evaluate_every": 1, "patience": 2})
    watcher = Watcher()
    facts = Run(recipe, sounds.split(frozenset({1}), frozenset({2})), tmp_path, CPU).train([watcher])
    *looks, last = watcher.looks
    losses = [look.predictions.loss for look in looks]
    assert facts.epochs == len(looks) == losses.index(min(losses)) + 1 + 2
    assert {look.side for look in looks} == {"validation"}
    assert last.side == "held_out"
    assert (facts.held_out_folds, facts.validation_folds) == ((1,), (2,))


def test_a_run_that_stopped_early_does_not_go_on(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    recipe = changed(tiny, optimiser={"lr": 1e-9}, loop={"epochs": 50, "evaluate_every": 1, "patience": 2})
    split = sounds.split(frozenset({1}), frozenset({2}))
    epochs = Run(recipe, split, tmp_path, CPU).train().epochs
    again = Run(recipe, split, tmp_path, CPU, load_state(tmp_path / STATE_FILE)).train()
    assert again.epochs == epochs


def test_patience_without_a_validation_fold_is_refused(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    with pytest.raises(EarshotError, match="--validation-fold"):
        Run(changed(tiny, loop={"patience": 2}), material, tmp_path, CPU)


def test_nothing_to_learn_from_is_refused(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    with pytest.raises(EarshotError, match="nothing is left to learn from"):
        Run(tiny, sounds.split(frozenset({1, 2, 3, 4, 5})), tmp_path, CPU)


def test_weights_that_explode_are_noticed(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    run = Run(tiny, material, tmp_path, CPU)
    with torch.no_grad():
        run.model.network.head.bias.fill_(float("nan"))
    with pytest.raises(EarshotError, match="no longer finite"):
        run.train()


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_the_shortest_runs_have_a_schedule(tiny: Recipe, material: Material, tmp_path: Path, epochs: int) -> None:
    recipe = changed(tiny, loop={"epochs": epochs, "batch_size": 32}, optimiser={"warmup": 0.5})
    assert Run(recipe, material, tmp_path, CPU).train().epochs == epochs


def test_a_compiled_network_learns_and_is_saved_as_the_plain_one(
    tiny: Recipe, material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **how: compiled(network, backend="eager", **how))
    recipe = changed(tiny, loop={"epochs": 1, "pieces": [[0.5, 1.0]]})
    Run(recipe, material, tmp_path / "plain", CPU).train()
    Run(changed(recipe, loop={"compile": True}), material, tmp_path / "compiled", CPU).train()
    assert same(final_weights(tmp_path / "plain"), final_weights(tmp_path / "compiled"))


def test_it_runs_under_strict_determinism_and_without_clipping(
    tiny: Recipe, material: Material, tmp_path: Path
) -> None:
    recipe = changed(tiny, loop={"epochs": 1, "deterministic": True}, optimiser={"grad_clip": 0})
    try:
        Run(recipe, material, tmp_path, CPU).train()
    finally:
        torch.use_deterministic_algorithms(False)


class Failing(Observer):
    """Cannot even begin."""

    def started(self, run: Run) -> None:  # noqa: ARG002
        raise OSError("disk full")

    def closed(self) -> None:
        raise AssertionError("was never opened")


def test_an_observer_that_never_began_is_not_closed(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"):
        Run(tiny, material, tmp_path, CPU).train([Failing()])


def test_without_a_fold_held_out_there_is_no_accuracy(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    recipe = changed(tiny, loop={"epochs": 1})
    facts = Run(recipe, sounds.split(frozenset()), tmp_path, CPU).train()
    assert facts.metrics == {}
    assert not (tmp_path / PREDICTIONS_FILE).exists()


def test_norms_and_biases_are_not_decayed(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    decayed, free = Run(tiny, material, tmp_path, CPU).optimiser.param_groups
    assert decayed["weight_decay"] > 0
    assert free["weight_decay"] == 0
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert all(parameter.ndim == 1 for parameter in free["params"])


def test_the_gradient_is_clipped(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    run = Run(changed(tiny, optimiser={"grad_clip": 1e-3}), material, tmp_path, CPU)
    run.model.train()
    run.learn_from(run.pipeline.batch(0))
    norm = torch.stack([p.grad.norm() for p in run.model.parameters() if p.grad is not None]).norm()
    assert norm <= 1.01e-3


@pytest.mark.gpu
def test_it_learns_on_a_gpu(tiny: Recipe, material: Material, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU here")
    watcher = Watcher()
    recipe = changed(tiny, loop={"epochs": 10, "precision": "auto"})
    Run(recipe, material, tmp_path, torch.device("cuda")).train([watcher])
    assert sum(watcher.losses[-8:]) < 0.8 * sum(watcher.losses[:8])
