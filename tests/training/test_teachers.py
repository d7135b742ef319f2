"""Runs that learn from teachers: who may teach, what is made of their answers, and that a run keeps its own."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contract.errors import EarshotError
from tests.training.conftest import after, changed, final_weights, same, unwatched
from training.checkpoint import MODEL_FILE, STATE_FILE, CheckpointError, load_facts, load_model, load_state
from training.crossval import cross_validate
from training.crossval_report import PAGE_FILE, write_report
from training.loop import Interrupted, Run
from training.losses import targets_of
from training.material import Material, Sounds
from training.recipe import Recipe
from training.teachers import TEACHERS, Teachers, digests_of, find_teachers, keep_teachers, kept_teachers

CPU = torch.device("cpu")


def short(recipe: Recipe, **front_end: object) -> Recipe:
    return changed(recipe, loop={"epochs": 1}, front_end=front_end)


@pytest.fixture(scope="module")
def school(tiny: Recipe, sounds: Sounds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-validation of two folds, by another front end than that of the pupils."""
    folder = tmp_path_factory.mktemp("school")
    cross_validate(short(tiny, n_fft=1024), sounds, [1, 2], folder, CPU, unwatched)
    return folder


@pytest.mark.parametrize(("held_out", "fit"), [({1}, ["fold1"]), ({2}, ["fold2"]), (set(), ["fold1", "fold2"])])
def test_those_teach_that_have_not_heard_the_folds_held_out(
    tiny: Recipe, sounds: Sounds, school: Path, held_out: set[int], fit: list[str]
) -> None:
    found = find_teachers([school], tiny, sounds.split(frozenset(held_out)))
    assert [path.parent.name for path in found] == fit


def test_one_run_can_teach_too_and_with_none_named_nobody_does(
    tiny: Recipe, material: Material, school: Path
) -> None:
    assert find_teachers([school / "fold1"], tiny, material) == [school / "fold1" / MODEL_FILE]
    assert find_teachers([], tiny, material) == []


def test_teachers_may_lie_in_several_places(tiny: Recipe, material: Material, school: Path, tmp_path: Path) -> None:
    shutil.copytree(school, tmp_path / "other")
    found = find_teachers([school, tmp_path / "other" / "fold1"], tiny, material)
    assert found == [school / "fold1" / MODEL_FILE, tmp_path / "other" / "fold1" / MODEL_FILE]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_place_without_a_model_is_named(tiny: Recipe, material: Material, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=f"--teachers .*{name}: no model there; name a finished run"):
        find_teachers([tmp_path / name], tiny, material)


def test_a_teacher_with_the_same_fold_to_look_at_may_teach(tiny: Recipe, sounds: Sounds, tmp_path: Path) -> None:
    material = sounds.split(frozenset({1}), frozenset({2}))
    Run(short(tiny), material, tmp_path, CPU).train()
    assert find_teachers([tmp_path], tiny, material) == [tmp_path / MODEL_FILE]
    with pytest.raises(CheckpointError, match="without fold 1 of these same clips"):
        find_teachers([tmp_path], tiny, sounds.split(frozenset({1})))


def test_who_has_heard_the_fold_is_refused(tiny: Recipe, sounds: Sounds, school: Path) -> None:
    with pytest.raises(CheckpointError, match="no model there was trained without fold 3 of these same clips"):
        find_teachers([school], tiny, sounds.split(frozenset({3})))
    with pytest.raises(CheckpointError, match="without fold 1, 2 of"):
        find_teachers([school], tiny, sounds.split(frozenset({1}), frozenset({2})))


def test_who_was_split_otherwise_is_refused(tiny: Recipe, sounds: Sounds, school: Path) -> None:
    """Without fold 1 too, but of a set in which another clip stood there."""
    first, *others = sounds.dataset.clips
    path = school / "fold1" / MODEL_FILE
    clips = (replace(first, path=first.path.with_name("1-7-A-0.ogg")), *others)
    moved = replace(sounds, dataset=replace(sounds.dataset, clips=clips))
    with pytest.raises(CheckpointError, match="without fold 1 of these same clips"):
        find_teachers([path], tiny, moved.split(frozenset({1})))


def test_who_cannot_teach_is_refused_whatever_it_has_heard(tiny: Recipe, sounds: Sounds, school: Path) -> None:
    everything = sounds.split(frozenset())
    with pytest.raises(CheckpointError, match="hears at 16000 Hz, the recipe at 20000 Hz"):
        find_teachers([school], changed(tiny, audio={"sample_rate": 20000}), everything)
    with pytest.raises(CheckpointError, match="hears other frequencies than the recipe"):
        find_teachers([school], changed(tiny, front_end={"fmax": 7000}, mixing={"cut_frequency": 1}), everything)
    assert find_teachers([school], changed(tiny, front_end={"fmax": 7000}), everything)
    fewer = Sounds(sounds.dataset.subset(sounds.dataset.labels[:3]), sounds.cache)
    with pytest.raises(CheckpointError, match="knows other classes"):
        find_teachers([school], tiny, fewer.split(frozenset({1})))


def test_they_answer_in_turn_by_their_own_front_ends_about_the_mixture_without_masks(
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    recipe = changed(tiny, mixing={"mixup": 1, "cut_time": 1, "cut_frequency": 1})
    run = Run(recipe, sounds.split(frozenset()), tmp_path, CPU)
    models = [load_model(school / f"fold{fold}" / MODEL_FILE)[0] for fold in (1, 2)]
    teachers = Teachers(models, CPU, "fp32")
    kinds = set()
    for step in range(16):
        batch, model = run.pipeline.batch(step), models[step % 2]
        kinds.add(batch.mix.kind)
        seen = batch.mix.on_spectrograms(model.frontend(batch.waves)[:, 0])
        assert torch.allclose(teachers.say(batch, step), model.network(seen[:, None]).logits, atol=1e-5)
    assert kinds == {"none", "mixup", "cut_time", "cut_frequency"}


def test_a_run_learns_what_its_teacher_says(tiny: Recipe, material: Material, school: Path, tmp_path: Path) -> None:
    """A teacher that is sure of one class, whatever it hears, and the only one to be believed."""
    recipe = changed(tiny, loss={"taught": 1.0})
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
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    gone, whole, cut = tmp_path / "school", tmp_path / "whole", tmp_path / "cut"
    everything = sounds.split(frozenset())
    shutil.copytree(school, gone)
    teachers = find_teachers([gone], tiny, everything)
    for folder in (whole, cut):
        keep_teachers(teachers, folder)
    digests = digests_of(teachers)
    shutil.rmtree(gone)
    facts = Run(tiny, everything, whole, CPU).train()
    assert facts.teachers == digests
    assert len(digests) == 2
    with pytest.raises(Interrupted):
        Run(tiny, everything, cut, CPU).train(stop=after(7))
    Run(tiny, everything, cut, CPU, load_state(cut / STATE_FILE)).train()
    assert same(final_weights(whole), final_weights(cut))
    Run(tiny, everything, tmp_path / "untaught", CPU).train()
    assert not same(final_weights(whole), final_weights(tmp_path / "untaught"))


def test_a_run_does_not_go_on_without_its_teachers(
    tiny: Recipe, material: Material, school: Path, tmp_path: Path
) -> None:
    keep_teachers(find_teachers([school], tiny, material), tmp_path)
    with pytest.raises(Interrupted):
        Run(tiny, material, tmp_path, CPU).train(stop=after(1))
    shutil.rmtree(tmp_path / TEACHERS)
    with pytest.raises(CheckpointError, match="other teachers: put those it had back into"):
        Run(tiny, material, tmp_path, CPU, load_state(tmp_path / STATE_FILE))


def test_a_run_does_not_listen_to_a_model_that_someone_laid_into_its_folder(
    tiny: Recipe, material: Material, school: Path, tmp_path: Path
) -> None:
    keep_teachers([school / "fold2" / MODEL_FILE], tmp_path)
    with pytest.raises(CheckpointError, match="may have learned fold 1: it must not teach here"):
        Run(tiny, material, tmp_path, CPU)


def test_a_new_run_has_no_teachers_of_an_earlier_one(
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    keep_teachers(find_teachers([school], tiny, sounds.split(frozenset())), tmp_path)
    first, second = kept_teachers(tmp_path)
    keep_teachers([second], tmp_path)
    assert kept_teachers(tmp_path) == [first]
    assert digests_of([first]) == digests_of([school / "fold2" / MODEL_FILE])
    keep_teachers([], tmp_path)
    assert kept_teachers(tmp_path) == []


def test_a_folder_called_as_the_copies_are_is_not_touched(school: Path, tmp_path: Path) -> None:
    """`--out runs`, where `runs/teachers` is the school."""
    shutil.copytree(school, tmp_path / TEACHERS)
    keep_teachers([], tmp_path)
    assert len(list((tmp_path / TEACHERS).glob(f"fold*/{MODEL_FILE}"))) == 2


def test_each_fold_of_a_cross_validation_has_teachers_of_its_own(
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    recipe = short(tiny)
    with pytest.raises(Interrupted):
        cross_validate(recipe, sounds, [1, 2], tmp_path, CPU, unwatched, after(5), teachers=[school])
    shutil.rmtree(tmp_path / "fold2" / TEACHERS)  # lost, and copied again
    result = cross_validate(recipe, sounds, [1, 2], tmp_path, CPU, unwatched, teachers=[school])
    for fold in (1, 2):
        wanted = digests_of([school / f"fold{fold}" / MODEL_FILE])
        assert load_facts(tmp_path / f"fold{fold}" / MODEL_FILE).teachers == wanted
        assert digests_of(kept_teachers(tmp_path / f"fold{fold}")) == wanted
    write_report(result, tmp_path)
    assert "Each has learned from teachers too" in (tmp_path / PAGE_FILE).read_text()
    with pytest.raises(CheckpointError, match="other --teachers, or from none: name those"):
        cross_validate(recipe, sounds, [1, 2], tmp_path, CPU, unwatched)


def test_a_missing_teacher_is_found_out_before_anything_is_trained(
    tiny: Recipe, sounds: Sounds, school: Path, tmp_path: Path
) -> None:
    with pytest.raises(EarshotError, match="without fold 3"):
        cross_validate(short(tiny), sounds, None, tmp_path, CPU, unwatched, teachers=[school])
    assert list(tmp_path.iterdir()) == []
