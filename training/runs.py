"""Runs by their folder: begun anew, gone on with, or finished; and the teacher that a run may want first."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

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
from training.loop import Run
from training.material import Material
from training.observers import Observer
from training.recipe import Recipe
from training.teacher import Teacher

TEACHER = "teacher"
"""Folder of the teacher's run, inside of that of the run that it teaches."""

Watchers: TypeAlias = Callable[[Path], Sequence[Observer]]
"""Who watches the run in this folder."""

_WAY_OUT = "give another --out, or remove it"


def begun(recipe: Recipe, material: Material, folder: Path, device: torch.device) -> Run:
    """A new run, or the one in this folder where it stopped."""
    state = load_state(folder / STATE_FILE) if (folder / STATE_FILE).is_file() else None
    if state:
        _require_same(state.facts, recipe, material, folder)
    return Run(recipe, material, folder, device, state)


def is_finished(recipe: Recipe, material: Material, folder: Path) -> bool:
    """Whether this folder holds the model of such a run."""
    if not (folder / MODEL_FILE).is_file():
        return False
    _require_same(load_facts(folder / MODEL_FILE), recipe, material, folder)
    return True


def train(run: Run, watchers: Watchers, stop: Callable[[], bool] = lambda: False) -> ModelFacts:
    """Run to the last epoch, or until asked to stop; first the teacher, where the recipe names one."""
    if run.recipe.teacher.epochs:
        run.learn_from_teacher(_teacher_of(run, watchers, stop))
    return run.train(watchers(run.folder), stop)


def _teacher_of(run: Run, watchers: Watchers, stop: Callable[[], bool]) -> Teacher:
    """Trained now, or found where it was."""
    if run.step == 0:
        run.save()  # or nobody would know the recipe of a run that is stopped while its teacher learns
    recipe, folder = run.recipe.for_teacher(), run.folder / TEACHER
    if not is_finished(recipe, run.material, folder):
        begun(recipe, run.material, folder, run.device).train(watchers(folder), stop)
    model, facts = load_model(folder / MODEL_FILE)
    model.to(device=run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Teacher(model.network, run.recipe.teacher.share, facts.minutes or 0)


def _require_same(facts: ModelFacts, recipe: Recipe, material: Material, folder: Path) -> None:
    """Models of another recipe have no place here, those of another split may have learned the clips held out."""
    if facts.recipe != recipe:
        raise CheckpointError(f"{folder} was trained with another recipe: {_WAY_OUT}")
    if facts.split != material.fingerprint():
        raise CheckpointError(f"{folder} was trained on other clips or another split: {_WAY_OUT}")
