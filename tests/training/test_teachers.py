"""Runs that learn from teachers: who may teach, what is made of their answers, and that a run keeps its own."""

import itertools
import shutil
from pathlib import Path

import pytest
import torch

from contract.errors import EarshotError
from training.checkpoint import MODEL_FILE, STATE_FILE, CheckpointError, load_facts, load_model, load_state
from training.crossval import cross_validate
from training.crossval_report import PAGE_FILE, write_report
from training.loop import Interrupted, Run
from training.losses import targets_of
from training.material import Material, Sounds
from training.observers import Observer
from training.recipe import Recipe
from training.teachers import (
    TEACHERS,
    Teachers,
    digests_of,
    find_teachers,
    keep_teachers,
    kept_teachers,
)

CPU = torch.device("cpu")


def unwatched(_fold: int, _folder: Path) -> tuple[Observer, ...]:
    return ()


def short(recipe: Recipe, **front_end: int) -> Recipe:
    content = recipe.model_dump()
    content["loop"] |= {"epochs": 1}
    content["front_end"] |= front_end
    return Recipe.model_validate(content)


@pytest.fixture(scope="module")
def school(tiny: Recipe, sounds: Sounds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-validation of two folds, by another front end than that of the pupils."""
    folder = tmp_path_factory.mktemp("school")
    cross_validate(short(tiny, n_fft=1024), sounds, [1, 2], folder, CPU, unwatched)
    return folder


def same_weights(first: Path, second: Path) -> bool:
    weights = [load_model(folder / MODEL_FILE)[0].state_dict() for folder in (first, second)]
    return all(torch.equal(a, b) for a, b in zip(*(each.values() for each in weights), strict=True))


@pytest.mark.parametrize(("held_out", "fit"), [({1}, ["fold1"]), ({2}, ["fold2"]), (set(), ["fold1", "fold2"])])
def test_those_teach_that_have_not_heard_the_folds_held_out(
    tiny: Recipe, sounds: Sounds, school: Path, held_out: set[int], fit: list[str]
) -> None:
    found = find_teachers(school, tiny, sounds.split(frozenset(held_out)))
    assert [path.parent.name for path in found] == fit


def test_one_run_can_teach_too(tiny: Recipe, material: Material, school: Path) -> None:
    assert find_teachers(school / "fold1", tiny, material) == [school / "fold1" / MODEL_FILE]


def test_who_has_heard_the_fold_is_refused(tiny: Recipe, sounds: Sounds, school: Path) -> None:
    with pytest.raises(EarshotError, match="no model there that has not heard fold 3"):
        find_teachers(school, tiny, sounds.split(frozenset({3})))
    with pytest.raises(EarshotError, match="no model there that has not heard fold 1, 2"):
        find_teachers(school, tiny, sounds.split(frozenset({1}), frozenset({2})))


def test_who_was_split_otherwise_is_refused(tiny: Recipe, sounds: Sounds, school: Path) -> None:
    """Fold 1 of other clips: some of those held out here may have been learned there."""
    fewer = sounds.dataset.subset(sounds.dataset.labels[:3])
    with pytest.raises(EarshotError, match="has not heard fold 1"):
        find_teachers(school, tiny, Sounds(fewer, sounds.cache).split(frozenset({1})))


def test_who_knows_other_classes_or_hears_at_another_rate_is_refused(
    tiny: Recipe, sounds: Sounds, school: Path
) -> None:
    everything = sounds.split(frozenset())
    slower = tiny.model_copy(update={"audio": tiny.audio.model_copy(update={"sample_rate": 8000})})
    with pytest.raises(CheckpointError, match="hears at 16000 Hz, the recipe at 8000 Hz"):
        find_teachers(school, slower, everything)
    fewer = Sounds(sounds.dataset.subset(sounds.dataset.labels[:3]), sounds.cache)
    with pytest.raises(CheckpointError, match="knows other classes"):
        find_teachers(school, tiny, fewer.split(frozenset()))


def test_they_answer_in_turn_by_their_own_front_ends_and_without_masks(
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    run = Run(tiny, sounds.split(frozenset()), tmp_path, CPU)
    models = [load_model(school / f"fold{fold}" / MODEL_FILE)[0] for fold in (1, 2)]
    teachers = Teachers(models, CPU, "fp32")
    kinds = set()
    for step in range(8):
        batch = run.pipeline.batch(step)
        kinds.add(batch.mix.kind)
        wanted = models[step % 2](batch.waves).logits
        assert torch.allclose(teachers.say(batch, step), wanted, atol=1e-5)
    assert kinds == {"none", "mixup"}


def test_a_run_learns_what_its_teacher_says(tiny: Recipe, material: Material, school: Path, tmp_path: Path) -> None:
    """A teacher that is sure of one class, whatever it hears, and the only one to be believed."""
    recipe = tiny.model_copy(update={"loss": tiny.loss.model_copy(update={"taught": 1.0})})
    run = Run(recipe, material, tmp_path, CPU)
    sure = load_model(school / "fold1" / MODEL_FILE)[0]
    with torch.no_grad():
        sure.network.head.weight.zero_()
        sure.network.head.bias.copy_(torch.tensor([0.0, 50.0, 0.0, 0.0]))
    run.teachers = Teachers([sure], CPU, "fp32")
    for step in range(6):
        run.learn_from(run.pipeline.batch(step))
    batch = run.pipeline.batch(0)
    assert targets_of(batch.labels, batch.mix, 4, recipe.loss)[:, 1].mean() < 0.5
    assert run.model.eval()(batch.waves).logits.softmax(1)[:, 1].mean() > 0.5


def test_a_run_keeps_its_teachers_and_goes_on_with_them(
    tiny: Recipe, material: Material, school: Path, tmp_path: Path
) -> None:
    gone, whole, cut = tmp_path / "school", tmp_path / "whole", tmp_path / "cut"
    shutil.copytree(school, gone)
    teachers = find_teachers(gone, tiny, material)
    for folder in (whole, cut):
        keep_teachers(teachers, folder)
    digests = digests_of(teachers)
    shutil.rmtree(gone)
    facts = Run(tiny, material, whole, CPU).train()
    assert facts.teachers == digests
    steps = itertools.count(1)
    with pytest.raises(Interrupted):
        Run(tiny, material, cut, CPU).train(stop=lambda: next(steps) == 6)
    Run(tiny, material, cut, CPU, load_state(cut / STATE_FILE)).train()
    assert same_weights(whole, cut)
    Run(tiny, material, tmp_path / "untaught", CPU).train()
    assert not same_weights(whole, tmp_path / "untaught")


def test_a_run_does_not_go_on_without_its_teachers(
    tiny: Recipe, material: Material, school: Path, tmp_path: Path
) -> None:
    keep_teachers(find_teachers(school, tiny, material), tmp_path)
    with pytest.raises(Interrupted):
        Run(tiny, material, tmp_path, CPU).train(stop=lambda: True)
    shutil.rmtree(tmp_path / TEACHERS)
    with pytest.raises(CheckpointError, match="other teachers"):
        Run(tiny, material, tmp_path, CPU, load_state(tmp_path / STATE_FILE))


def test_a_new_run_has_no_teachers_of_an_earlier_one(
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    keep_teachers(find_teachers(school, tiny, sounds.split(frozenset())), tmp_path)
    keep_teachers([school / "fold2" / MODEL_FILE], tmp_path)
    assert digests_of(kept_teachers(tmp_path)) == digests_of([school / "fold2" / MODEL_FILE])
    keep_teachers([], tmp_path)
    assert kept_teachers(tmp_path) == []


def test_each_fold_of_a_cross_validation_has_teachers_of_its_own(
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    result = cross_validate(short(tiny), sounds, [1, 2], tmp_path, CPU, unwatched, teachers=school)
    for fold in (1, 2):
        wanted = digests_of([school / f"fold{fold}" / MODEL_FILE])
        assert load_facts(tmp_path / f"fold{fold}" / MODEL_FILE).teachers == wanted
        assert digests_of(kept_teachers(tmp_path / f"fold{fold}")) == wanted
    write_report(result, tmp_path)
    assert "Each has learned from teachers too" in (tmp_path / PAGE_FILE).read_text()
    again = cross_validate(short(tiny), sounds, [1, 2], tmp_path, CPU, unwatched, teachers=school)
    assert again.accuracy == result.accuracy
    with pytest.raises(CheckpointError, match="other --teachers, or from none"):
        cross_validate(short(tiny), sounds, [1, 2], tmp_path, CPU, unwatched)
