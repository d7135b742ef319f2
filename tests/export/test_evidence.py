"""What figures rest on: models that have not heard the sounds, trained as the model to export was."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import EarshotError
from export.evidence import Witness, fold_models, witness_of, witnesses
from tests.export.conftest import CLASSES, facts_of, untrained, witness
from tests.training.conftest import TINY
from training.checkpoint import MODEL_FILE, CheckpointError, ModelFacts, save_model
from training.material import Sounds
from training.recipe import Recipe

PATH = Path("run/model.safetensors")


def recipe_with(**loop: object) -> Recipe:
    return TINY.model_copy(update={"loop": TINY.loop.model_copy(update=loop)})


def save_fold(folder: Path, facts: ModelFacts) -> None:
    save_model(folder / MODEL_FILE, untrained(facts.recipe, len(facts.labels)), facts)


@pytest.fixture
def all_folds(sounds: Sounds) -> Witness:
    """A model that has heard everything."""
    return witness(sounds)


@pytest.fixture
def crossval(sounds: Sounds, tmp_path: Path) -> Path:
    """Models that have each missed a fold; folders are not in the order of their folds."""
    for folder, fold in (("fold10", 2), ("fold9", 3), ("foldA", 1)):
        save_fold(tmp_path / folder, facts_of(sounds.split(frozenset({fold}))))
    return tmp_path


def test_a_witness_has_its_sounds_on_the_side_where_they_were(sounds: Sounds) -> None:
    material = sounds.split(frozenset({2}), frozenset({4}))
    found = witness_of(untrained(), facts_of(material), sounds, PATH)
    assert found.folds == (2,)
    assert found.name == "fold 2"
    assert {found.material.folds[clip] for clip in found.material.held_out.clips} == {2}
    assert {found.material.folds[clip] for clip in found.material.train.clips} == {1, 3, 5}


def test_several_folds_are_all_named(sounds: Sounds) -> None:
    assert witness(sounds, 3, 1).fold_words == "1, 3"
    assert witness(sounds).name == "the model itself"


def other_clips(facts: ModelFacts, sounds: Sounds) -> tuple[ModelFacts, Sounds]:
    first, *others = sounds.dataset.clips
    strange = replace(first, path=first.path.with_name("1-7-A-0.ogg"))
    return facts, replace(sounds, dataset=replace(sounds.dataset, clips=(strange, *others)))


def other_split(facts: ModelFacts, sounds: Sounds) -> tuple[ModelFacts, Sounds]:
    return facts.model_copy(update={"held_out_folds": (2,)}), sounds


def other_labels(facts: ModelFacts, sounds: Sounds) -> tuple[ModelFacts, Sounds]:
    return facts.model_copy(update={"labels": facts.labels[::-1]}), sounds


def other_name(facts: ModelFacts, sounds: Sounds) -> tuple[ModelFacts, Sounds]:
    return facts.model_copy(update={"split": "", "dataset": "esc50"}), sounds


@pytest.mark.parametrize("change", [other_clips, other_split, other_labels, other_name])
def test_data_that_a_model_was_not_trained_on_is_refused(
    sounds: Sounds, change: Callable[[ModelFacts, Sounds], tuple[ModelFacts, Sounds]]
) -> None:
    facts, given = change(facts_of(sounds.split(frozenset({1}))), sounds)
    with pytest.raises(CheckpointError, match=f"^{PATH} was trained on other clips .* esc10-mini gives: .* --data$"):
        witness_of(untrained(), facts, given, PATH)


def test_where_no_split_is_known_the_name_of_the_data_is_enough(sounds: Sounds) -> None:
    facts = facts_of(sounds.split(frozenset({1}))).model_copy(update={"split": ""})
    assert witness_of(untrained(), facts, sounds, PATH).folds == (1,)


def test_a_model_that_holds_a_fold_out_is_its_own_witness(sounds: Sounds) -> None:
    own = witness(sounds, 1)
    assert list(witnesses(own, sounds, None)) == [own]


def test_a_model_that_heard_everything_needs_a_cross_validation(sounds: Sounds, all_folds: Witness) -> None:
    with pytest.raises(EarshotError, match=r"this model has heard every fold.*by --crossval"):
        list(witnesses(all_folds, sounds, None))


def test_a_cross_validation_gives_one_witness_for_each_fold_in_their_order(
    sounds: Sounds, all_folds: Witness, crossval: Path
) -> None:
    found = list(witnesses(all_folds, sounds, crossval))
    assert [one.folds for one in found] == [(1,), (2,), (3,)]
    assert all({one.material.folds[clip] for clip in one.material.held_out.clips} == set(one.folds) for one in found)


def test_a_folder_without_models_is_no_cross_validation(sounds: Sounds, all_folds: Witness, tmp_path: Path) -> None:
    with pytest.raises(EarshotError, match=r"no fold\*/model.safetensors there; earshot crossval makes them"):
        list(witnesses(all_folds, sounds, tmp_path))


def test_two_models_of_one_fold_cannot_both_be_counted(sounds: Sounds, all_folds: Witness, crossval: Path) -> None:
    save_fold(crossval / "fold2", facts_of(sounds.split(frozenset({2}))))
    with pytest.raises(CheckpointError, match=r"fold2/.* and .*fold10/.* hold out the same fold"):
        list(witnesses(all_folds, sounds, crossval))


@pytest.mark.parametrize(
    ("of_fold", "of_all"), [(("a",), ()), ((), ("a",)), (("a",), ("b", "c"))], ids=["fold", "model", "others"]
)
def test_what_taught_a_fold_taught_the_model_too(
    sounds: Sounds, tmp_path: Path, of_fold: tuple[str, ...], of_all: tuple[str, ...]
) -> None:
    wanted = facts_of(sounds.split(frozenset())).model_copy(update={"teachers": of_all})
    fold = facts_of(sounds.split(frozenset({2}))).model_copy(update={"teachers": of_fold})
    save_fold(tmp_path / "fold2", fold)
    with pytest.raises(CheckpointError, match=r"fold2/.* has learned from other teachers than the model to export"):
        fold_models(tmp_path, wanted)
    save_fold(tmp_path / "fold2", fold.model_copy(update={"teachers": of_all[:1]}))
    assert fold_models(tmp_path, wanted) == [tmp_path / "fold2" / "model.safetensors"]


@pytest.mark.parametrize("folds", [frozenset[int](), frozenset({4, 5})])
def test_a_model_that_does_not_hold_one_fold_out_is_no_part_of_a_cross_validation(
    sounds: Sounds, all_folds: Witness, crossval: Path, folds: frozenset[int]
) -> None:
    save_fold(crossval / "fold4", facts_of(sounds.split(folds)))
    with pytest.raises(CheckpointError, match=r"fold4/.* does not hold out one fold"):
        list(witnesses(all_folds, sounds, crossval))


@pytest.mark.parametrize(
    ("recipe", "difference"),
    [
        (recipe_with(epochs=5), "loop.epochs is 5, not 4"),
        (recipe_with(seed=7), "loop.seed is 7, not 0"),
        (TINY.model_copy(update={"name": "small"}), "name is small, not tiny"),
        (
            TINY.model_copy(update={"mixing": TINY.mixing.model_copy(update={"mixup": 2.0})}),
            "mixing.mixup is 2.0, not 1.0",
        ),
    ],
)
def test_a_model_of_another_recipe_is_refused_and_the_field_is_named(
    sounds: Sounds, all_folds: Witness, crossval: Path, recipe: Recipe, difference: str
) -> None:
    save_fold(crossval / "fold4", facts_of(sounds.split(frozenset({4})), recipe))
    with pytest.raises(CheckpointError, match=r"fold4/.* was trained by another recipe") as caught:
        list(witnesses(all_folds, sounds, crossval))
    assert str(caught.value).endswith(f": {difference}")


def test_a_model_that_knows_other_classes_is_refused(sounds: Sounds, all_folds: Witness, crossval: Path) -> None:
    facts = facts_of(sounds.split(frozenset({4})))
    assert len(facts.labels) == CLASSES
    save_fold(crossval / "fold4", facts.model_copy(update={"labels": (*facts.labels[:-1], "cat")}))
    with pytest.raises(CheckpointError, match=r"fold4/.* knows other classes than the model to export"):
        list(witnesses(all_folds, sounds, crossval))


def test_a_fold_of_other_data_is_refused(sounds: Sounds, all_folds: Witness, crossval: Path) -> None:
    facts = facts_of(sounds.split(frozenset({4})))
    save_fold(crossval / "fold4", facts.model_copy(update={"split": "0" * 16}))
    with pytest.raises(CheckpointError, match=r"fold4/.* was trained on other clips"):
        list(witnesses(all_folds, sounds, crossval))
