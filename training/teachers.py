"""Teachers: finished models whose answers a run learns from beside the labels.

They hear the same mixed batch, so they say what is to be heard in it, where the labels only say what was put in
(Beyer et al., 2022). A teacher may be of another shape and see by another front end. It has not heard the folds that
the run holds out either: else their labels would reach the run through it.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from contract.bundle import fingerprint
from contract.errors import EarshotError
from training.checkpoint import MODEL_FILE, CheckpointError, ModelFacts, load_facts, load_model, model_file
from training.material import Material
from training.model import Classifier
from training.pipeline import Batch
from training.precision import Precision, autocast
from training.recipe import Recipe

TEACHERS = "teachers"
"""The folder inside of a run's own that keeps copies of its teachers: the run goes on when the originals are gone."""


class Teachers:
    """Those of one run. They take turns, batch by batch: five cost no more than one."""

    def __init__(self, models: Sequence[Classifier], device: torch.device, precision: Precision) -> None:
        self._models, self._device, self._precision = models, device, precision
        for model in models:
            model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def say(self, batch: Batch, step: int) -> Tensor:
        """Scores [B, classes]; no part of the picture is masked for a teacher."""
        model = self._models[step % len(self._models)]
        pictures = batch.mix.on_spectrograms(model.frontend(batch.waves).squeeze(1)).unsqueeze(1)
        with autocast(self._precision, self._device):
            scores: Tensor = model.network(pictures).logits
        return scores.float()


def find_teachers(place: Path, recipe: Recipe, material: Material) -> list[Path]:
    """Of a run, or of the runs of a cross-validation, the models that may teach: without the folds held out."""
    paths = sorted(place.glob(f"fold*/{MODEL_FILE}")) or [model_file(place)]
    fit = [path for path in paths if _has_not_heard(load_facts(path), material)]
    if not fit:
        folds = ", ".join(map(str, (*material.held_out_folds, *material.validation_folds)))
        raise EarshotError(f"--teachers {place}: no model there that has not heard fold {folds}: it would tell of it")
    for path in fit:
        _require_same_classes(path, load_facts(path), recipe, material)
    return fit


def keep_teachers(paths: Sequence[Path], folder: Path) -> None:
    """Copy them into the folder of a new run, which learns from these and no others."""
    shutil.rmtree(folder / TEACHERS, ignore_errors=True)
    for number, path in enumerate(paths, start=1):
        (folder / TEACHERS).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / TEACHERS / f"{number}.safetensors")


def kept_teachers(folder: Path) -> list[Path]:
    """Those of the run in this folder; none where it learns from labels alone."""
    return sorted((folder / TEACHERS).glob("*.safetensors"), key=lambda path: int(path.stem))


def digests_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """What tells these teachers from others."""
    return tuple(fingerprint(path).sha256 for path in paths)


def load_teachers(paths: Sequence[Path], device: torch.device, precision: Precision) -> Teachers | None:
    """Ready to be asked; none where there are none."""
    return Teachers([load_model(path)[0] for path in paths], device, precision) if paths else None


def _has_not_heard(facts: ModelFacts, material: Material) -> bool:
    unheard = {*material.held_out_folds, *material.validation_folds}
    same_split = facts.split == material.fingerprint()
    return unheard <= set(facts.held_out_folds) and (same_split or unheard != set(facts.held_out_folds))


def _require_same_classes(path: Path, facts: ModelFacts, recipe: Recipe, material: Material) -> None:
    if facts.labels != material.dataset.labels:
        raise CheckpointError(f"{path} knows other classes than are to be learned: it cannot teach them")
    if facts.recipe.audio.sample_rate != recipe.audio.sample_rate:
        raise CheckpointError(
            f"{path} hears at {facts.recipe.audio.sample_rate} Hz, the recipe at {recipe.audio.sample_rate} Hz: "
            "it cannot teach it"
        )
