"""Cross-validation: one run per fold, each judged on the fold that it has not heard, and the answers kept together.

It can be stopped and started again: finished folds are kept, a fold that was cut off goes on where it stopped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.checkpoint import (
    MODEL_FILE,
    STATE_FILE,
    CheckpointError,
    ModelFacts,
    load_facts,
    load_model,
    load_state,
)
from training.data.dataset import DatasetError
from training.data.splits import folds_of
from training.evaluation import Predictions, join, predict, save_predictions
from training.loop import PREDICTIONS_FILE, Run
from training.material import Material, Sounds
from training.observers import Observer
from training.provenance import machine
from training.recipe import Recipe
from training.teachers import digests_of, find_teachers, keep_teachers

_WAY_OUT = "give another --out, or remove it"


@dataclass(frozen=True)
class FoldResult:
    """One fold, answered by the model that has not heard it."""

    fold: int
    facts: ModelFacts
    predictions: Predictions


@dataclass(frozen=True)
class CrossValidation:
    """The answers to every clip, each by the model that has not heard it."""

    recipe: Recipe
    dataset: str
    labels: tuple[str, ...]
    machine: str
    folds: tuple[FoldResult, ...]

    @property
    def accuracy(self) -> dict[int, float]:
        """Of each fold."""
        return {result.fold: result.predictions.accuracy for result in self.folds}

    @property
    def predictions(self) -> Predictions:
        """Of all folds, one after the other."""
        return join([result.predictions for result in self.folds])

    @property
    def mean(self) -> float:
        """Mean accuracy over the folds."""
        return float(np.mean(list(self.accuracy.values())))

    @property
    def deviation(self) -> float:
        """Standard deviation between the folds (of a sample: n − 1)."""
        return float(np.std(list(self.accuracy.values()), ddof=1)) if len(self.folds) > 1 else 0.0


def cross_validate(
    recipe: Recipe,
    sounds: Sounds,
    folds: Sequence[int] | None,
    folder: Path,
    device: torch.device,
    observers_of: Callable[[int, Path], Sequence[Observer]],
    stop: Callable[[], bool] = lambda: False,
    teachers: Sequence[Path] = (),
) -> CrossValidation:
    """Train and judge each fold (all by default); write `predictions.parquet` beside the runs.

    Where there are `teachers`, each fold learns from those that have not heard it either.
    """
    all_folds = sorted(set(folds_of(sounds.dataset)))
    if unknown := set(folds or ()) - set(all_folds):
        raise DatasetError(f"{sounds.dataset.name} has no fold {min(unknown)}; it has {all_folds}")
    results = []
    materials = {fold: sounds.split(frozenset({fold})) for fold in folds or all_folds}
    all_teachers = {fold: find_teachers(teachers, recipe, material) for fold, material in materials.items()}
    for fold, material in materials.items():
        place, teaching = folder / f"fold{fold}", all_teachers[fold]
        if not _is_finished(place, recipe, material, teaching):
            _run(recipe, material, place, device, teaching).train(observers_of(fold, place), stop)
        model, facts = load_model(place / MODEL_FILE)
        results.append(FoldResult(fold, facts, predict(model.to(device), material.held_out, device)))
    dataset = sounds.dataset
    result = CrossValidation(recipe, dataset.name, dataset.labels, machine(device), tuple(results))
    save_predictions(folder / PREDICTIONS_FILE, result.predictions, dataset, folds_of(dataset))
    return result


def _run(recipe: Recipe, material: Material, folder: Path, device: torch.device, teachers: Sequence[Path]) -> Run:
    state = load_state(folder / STATE_FILE) if (folder / STATE_FILE).is_file() else None
    if state:
        _require_same(state.facts, recipe, material, folder, teachers)
    keep_teachers(teachers, folder)
    return Run(recipe, material, folder, device, state)


def _is_finished(folder: Path, recipe: Recipe, material: Material, teachers: Sequence[Path]) -> bool:
    if not (folder / MODEL_FILE).is_file():
        return False
    _require_same(load_facts(folder / MODEL_FILE), recipe, material, folder, teachers)
    return True


def _require_same(
    facts: ModelFacts, recipe: Recipe, material: Material, folder: Path, teachers: Sequence[Path]
) -> None:
    """Models of another recipe have no place in this mean, those of another split may have learned these clips."""
    if facts.recipe != recipe:
        raise CheckpointError(f"{folder} was trained with another recipe: {_WAY_OUT}")
    if facts.split != material.fingerprint():
        raise CheckpointError(f"{folder} was trained on other clips or another split: {_WAY_OUT}")
    if facts.teachers != digests_of(teachers):
        raise CheckpointError(f"{folder} learned from other --teachers, or from none: name those, {_WAY_OUT}")
