"""What a model's figures rest on: models, each with sounds that it has not heard.

A model that holds a fold out is its own witness. One that has heard everything needs those of its cross-validation:
the same recipe, trained once without each fold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.errors import EarshotError
from training.checkpoint import MODEL_FILE, CheckpointError, ModelFacts, load_facts, load_model
from training.material import Material, Sounds
from training.model import Classifier
from training.recipe import flat_fields


@dataclass(frozen=True)
class Witness:
    """A model, and the sounds by the side that they had in its training."""

    model: Classifier
    facts: ModelFacts
    material: Material

    @property
    def folds(self) -> tuple[int, ...]:
        """Those that it has not heard."""
        return self.material.held_out_folds

    @property
    def name(self) -> str:
        """In words, for those who watch."""
        return f"fold {self.fold_words}" if self.folds else "the model itself"

    @property
    def fold_words(self) -> str:
        """The folds as a manifest names them."""
        return ", ".join(map(str, self.folds))


def witness_of(model: Classifier, facts: ModelFacts, sounds: Sounds, path: Path) -> Witness:
    """The model, with the sounds split as they were for its training."""
    material = sounds.split(frozenset(facts.held_out_folds), frozenset(facts.validation_folds))
    proven = facts.split == material.fingerprint() if facts.split else facts.dataset == sounds.dataset.name
    if not proven or facts.labels != sounds.dataset.labels:
        raise CheckpointError(
            f"{path} was trained on other clips or another split than {sounds.dataset.name} gives: "
            "name the data that it was trained on by --data"
        )
    return Witness(model, facts, material)


def witnesses(own: Witness, sounds: Sounds, crossval: Path | None) -> Iterator[Witness]:
    """One for each fold, loaded when it is its turn; what cannot be used is refused at once."""
    if crossval is None:
        if not own.folds:
            raise EarshotError(
                "this model has heard every fold, so nothing can be measured on it alone: "
                "name the folder of its recipe's `earshot crossval` by --crossval"
            )
        return iter((own,))
    paths = fold_models(crossval, own.facts)
    return (witness_of(*load_model(path), sounds, path) for path in paths)


def fold_models(crossval: Path, wanted: ModelFacts) -> list[Path]:
    """The models of a cross-validation, one for each fold, of the same recipe as the model to export."""
    by_fold: dict[tuple[int, ...], Path] = {}
    for path in sorted(crossval.glob(f"fold*/{MODEL_FILE}")):
        facts = load_facts(path)
        _require_same_recipe(path, facts, wanted)
        _require_same_teachers(path, facts, wanted)
        if len(facts.held_out_folds) != 1:
            raise CheckpointError(f"{path} does not hold out one fold: it is no part of a cross-validation")
        if earlier := by_fold.get(facts.held_out_folds):
            raise CheckpointError(f"{path} and {earlier} hold out the same fold: only one of them can be counted")
        by_fold[facts.held_out_folds] = path
    if not by_fold:
        raise EarshotError(f"--crossval {crossval}: no fold*/{MODEL_FILE} there; earshot crossval makes them")
    return [by_fold[fold] for fold in sorted(by_fold)]


def _require_same_recipe(path: Path, facts: ModelFacts, wanted: ModelFacts) -> None:
    if facts.labels != wanted.labels:
        raise CheckpointError(f"{path} knows other classes than the model to export: its figures say nothing of it")
    here, there = flat_fields(facts.recipe), flat_fields(wanted.recipe)
    differing = [name for name in here if here[name] != there.get(name)]
    if differing:
        name = differing[0]
        raise CheckpointError(
            f"{path} was trained by another recipe than the model to export: "
            f"{name} is {here[name]}, not {there.get(name)}"
        )
    if facts.recipe != wanted.recipe:
        raise CheckpointError(f"{path} was trained by another recipe than the model to export")


def _require_same_teachers(path: Path, facts: ModelFacts, wanted: ModelFacts) -> None:
    """What teaches a fold teaches the model that knows all folds too."""
    if bool(facts.teachers) != bool(wanted.teachers) or not set(facts.teachers) <= set(wanted.teachers):
        raise CheckpointError(
            f"{path} has learned from other teachers than the model to export: train both with the same --teachers, "
            "or both without"
        )
