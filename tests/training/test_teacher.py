"""A run that learns from a teacher: the same recipe first trains one, then corrects its targets by what it says."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from training.checkpoint import MODEL_FILE, STATE_FILE, CheckpointError, load_facts, load_model, load_state
from training.loop import Interrupted, Run
from training.losses import targets_of
from training.material import Material
from training.model import AudioResNet, ModelConfig
from training.observers import Observer
from training.recipe import LossConfig, Recipe
from training.runs import TEACHER, begun, train
from training.teacher import Teacher

CPU = torch.device("cpu")


def unwatched(_folder: Path) -> tuple[Observer, ...]:
    return ()


@pytest.fixture
def taught(tiny: Recipe) -> Recipe:
    """Two epochs, behind a teacher of three."""
    loop = tiny.loop.model_copy(update={"epochs": 2})
    teacher = tiny.teacher.model_copy(update={"epochs": 3, "share": 0.6})
    return tiny.model_copy(update={"loop": loop, "teacher": teacher})


def after(steps: int) -> Callable[[], bool]:
    """Asks to stop after so many steps of all runs that ask."""
    left = iter(range(steps))
    return lambda: next(left, None) is None


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_model(folder / MODEL_FILE)[0].state_dict()


@pytest.mark.parametrize("kind", ["cross_entropy", "bce"])
def test_targets_are_drawn_towards_what_the_teacher_says(kind: str) -> None:
    torch.manual_seed(0)
    network = AudioResNet(ModelConfig(widths=(4,), blocks=(1,)), 16, 3).eval()
    config = LossConfig.model_validate({"kind": kind})
    pictures, targets = torch.randn(5, 1, 16, 20), torch.eye(3)[[0, 1, 2, 0, 1]]
    logits = network(pictures).logits
    said = logits.softmax(1) if kind == "cross_entropy" else logits.sigmoid()
    corrected = Teacher(network, share=0.7, minutes=0).corrected(targets, pictures, config)
    assert torch.allclose(corrected, 0.3 * targets + 0.7 * said, atol=1e-6)
    assert not corrected.requires_grad


def test_the_teacher_is_trained_first_by_the_same_recipe(taught: Recipe, material: Material, tmp_path: Path) -> None:
    facts = train(begun(taught, material, tmp_path, CPU), unwatched)
    of_teacher = load_facts(tmp_path / TEACHER / MODEL_FILE)
    assert of_teacher.recipe == taught.for_teacher()
    assert (of_teacher.epochs, facts.epochs) == (3, 2)
    assert of_teacher.held_out_folds == facts.held_out_folds == (1,)
    assert of_teacher.minutes
    assert facts.minutes
    assert facts.minutes > of_teacher.minutes  # the whole time that the model took
    plain = taught.model_copy(update={"teacher": taught.for_teacher().teacher})
    Run(plain, material, tmp_path / "plain", CPU).train()
    assert not torch.equal(
        weights(tmp_path)["network.head.weight"], weights(tmp_path / "plain")["network.head.weight"]
    )


def test_a_step_is_corrected_by_the_teacher(taught: Recipe, material: Material, tmp_path: Path) -> None:
    """A teacher that is sure of one class, whatever it hears, and the only one to be listened to."""
    run = Run(taught, material, tmp_path, CPU)
    sure = AudioResNet(taught.model, taught.front_end.bands, len(material.dataset.labels)).eval()
    with torch.no_grad():
        sure.head.weight.zero_()
        sure.head.bias.copy_(torch.tensor([0.0, 50.0, 0.0, 0.0]))
    run.learn_from_teacher(Teacher(sure, share=1, minutes=0))
    for step in range(6):
        run.learn_from(run.pipeline.batch(step))
    batch = run.pipeline.batch(0)
    labels = targets_of(batch.labels, batch.mix, 4, taught.loss)
    assert labels[:, 1].mean() < 0.5
    said = run.model.eval()(batch.waves).logits.softmax(1)
    assert said[:, 1].mean() > 0.5


@pytest.mark.parametrize("steps", [5, 14], ids=["while the teacher learns", "behind it"])
def test_stopped_and_started_again_nothing_is_different(
    taught: Recipe, material: Material, tmp_path: Path, steps: int
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(begun(taught, material, whole, CPU), unwatched)
    with pytest.raises(Interrupted):
        train(begun(taught, material, cut, CPU), unwatched, after(steps))
    assert (cut / TEACHER / MODEL_FILE).is_file() == (steps > 12)
    assert load_state(cut / STATE_FILE).facts.recipe == taught
    train(begun(taught, material, cut, CPU), unwatched)
    assert all(torch.equal(a, b) for a, b in zip(weights(whole).values(), weights(cut).values(), strict=True))


def test_a_teacher_of_another_recipe_is_refused(taught: Recipe, material: Material, tmp_path: Path) -> None:
    Run(taught, material, tmp_path / TEACHER, CPU).train()
    with pytest.raises(CheckpointError, match="teacher was trained with another recipe"):
        train(begun(taught, material, tmp_path, CPU), unwatched)
