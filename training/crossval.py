"""Cross-validation: one run per fold, each judged on the fold that it has not heard, and the answers kept together.

It can be stopped and started again: finished folds are kept, a fold that was cut off goes on where it stopped.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.checkpoint import MODEL_FILE, STATE_FILE, CheckpointError, ModelFacts, load_model, load_state
from training.data.splits import folds_of
from training.evaluation import Predictions, class_reports, join, predict, save_predictions
from training.loop import PREDICTIONS_FILE, Observer, Run
from training.material import Material, Sounds
from training.provenance import machine, source_commit
from training.recipe import Recipe

REPORT_FILE = "report.json"


@dataclass(frozen=True)
class CrossValidation:
    """The answers to every clip, each by the model that has not heard it."""

    recipe: Recipe
    labels: tuple[str, ...]
    accuracy: dict[int, float]
    """Of each fold."""
    predictions: Predictions

    @property
    def mean(self) -> float:
        """Mean accuracy over the folds."""
        return float(np.mean(list(self.accuracy.values())))

    @property
    def deviation(self) -> float:
        """Standard deviation between the folds (of a sample: n − 1)."""
        return float(np.std(list(self.accuracy.values()), ddof=1)) if len(self.accuracy) > 1 else 0.0


def cross_validate(
    recipe: Recipe,
    sounds: Sounds,
    folds: Sequence[int],
    folder: Path,
    device: torch.device,
    observers_of: Callable[[int, Path], Sequence[Observer]],
    stop: Callable[[], bool] = lambda: False,
) -> CrossValidation:
    """Train and judge each fold; write `predictions.parquet` and `report.json` beside the runs."""
    commit = source_commit()  # now: the checkout may change while the runs go on
    parts: dict[int, Predictions] = {}
    for fold in folds:
        material = sounds.split(frozenset({fold}))
        run_folder = folder / f"fold{fold}"
        if not _finished(run_folder, recipe):
            _run(recipe, material, run_folder, device).train(observers_of(fold, run_folder), stop)
        model, _ = load_model(run_folder / MODEL_FILE)
        parts[fold] = predict(model.to(device), material.held_out, device)
    result = CrossValidation(
        recipe,
        sounds.dataset.labels,
        {fold: part.accuracy for fold, part in parts.items()},
        join(list(parts.values())),
    )
    save_predictions(folder / PREDICTIONS_FILE, result.predictions, sounds.dataset, folds_of(sounds.dataset))
    (folder / REPORT_FILE).write_text(json.dumps(_report(result, sounds, commit), indent=2) + "\n", encoding="utf-8")
    return result


def _run(recipe: Recipe, material: Material, folder: Path, device: torch.device) -> Run:
    if not (folder / STATE_FILE).is_file():
        return Run(recipe, material, folder, device)
    state = load_state(folder / STATE_FILE)
    _same_recipe(state.facts, recipe, folder)
    return Run(recipe, material, folder, device, state)


def _finished(folder: Path, recipe: Recipe) -> bool:
    if not (folder / MODEL_FILE).is_file():
        return False
    _, facts = load_model(folder / MODEL_FILE)
    _same_recipe(facts, recipe, folder)
    return True


def _same_recipe(facts: ModelFacts, recipe: Recipe, folder: Path) -> None:
    if facts.recipe != recipe:
        raise CheckpointError(f"{folder} was trained with another recipe: give another --out, or remove it")


def _report(result: CrossValidation, sounds: Sounds, commit: str) -> dict[str, object]:
    return {
        "recipe": result.recipe.model_dump(mode="json"),
        "dataset": sounds.dataset.name,
        "commit": commit,
        "machine": machine(),
        "seed": result.recipe.loop.seed,
        "accuracy": {str(fold): accuracy for fold, accuracy in result.accuracy.items()},
        "mean": result.mean,
        "deviation": result.deviation,
        "classes": [vars(report) for report in class_reports(result.predictions, result.labels)],
    }
