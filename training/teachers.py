"""Teachers: finished models whose answers a run learns from beside the labels.

They hear the same mixed batch, so they say what is to be heard in it, where the labels only say what was put in
(Beyer et al., 2022). A teacher may be of another shape and see by another front end. What the run holds out it has
not learned either: else its labels would reach the run through it.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from contract.bundle import fingerprint
from contract.files import replacing
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
        pictures = batch.spectrograms(model.frontend).unsqueeze(1)
        with autocast(self._precision, self._device):
            scores: Tensor = model.network(pictures).logits
        return scores.float()


def find_teachers(places: Sequence[Path], recipe: Recipe, material: Material) -> list[Path]:
    """Of these runs, or the runs of these cross-validations, the models that may teach."""
    known = {path: load_facts(path) for place in places for path in _models_of(place)}
    for path, facts in known.items():
        _require_able(path, facts, recipe, material)
    fit = [path for path, facts in known.items() if _may_teach(facts, material)]
    if places and not fit:
        raise CheckpointError(
            f"--teachers {', '.join(map(str, places))}: no model there was trained without fold {_unheard(material)} "
            "of these same clips; earshot crossval makes one for each fold"
        )
    return fit


def keep_teachers(paths: Sequence[Path], folder: Path) -> None:
    """Copy them into the folder of a run, which from then on learns from these and no others."""
    contents = [path.read_bytes() for path in paths]  # first: they may be those that lie there
    for old in kept_teachers(folder):
        old.unlink()
    for number, content in enumerate(contents, start=1):
        with replacing(folder / TEACHERS / f"{number:02}.safetensors") as aside:
            aside.write_bytes(content)


def kept_teachers(folder: Path) -> list[Path]:
    """Those of the run in this folder; none where it learns from labels alone."""
    return sorted((folder / TEACHERS).glob("*.safetensors"))


def digests_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """What tells these teachers from others."""
    return tuple(fingerprint(path).sha256 for path in paths)


def load_teachers(
    paths: Sequence[Path], material: Material, device: torch.device, precision: Precision
) -> Teachers | None:
    """Ready to be asked; none where there are none."""
    for path in paths:
        if not _may_teach(load_facts(path), material):
            raise CheckpointError(f"{path} may have learned fold {_unheard(material)}: it must not teach here")
    return Teachers([load_model(path)[0] for path in paths], device, precision) if paths else None


def _models_of(place: Path) -> list[Path]:
    paths = sorted(place.glob(f"fold*/{MODEL_FILE}")) or [model_file(place)]
    if not paths[0].is_file():
        raise CheckpointError(f"--teachers {place}: no model there; name a finished run, or the folder of a crossval")
    return paths


def _may_teach(facts: ModelFacts, material: Material) -> bool:
    """By the same split it has learned no more than the run will; where nothing is held out, it may know all."""
    return not _unheard(material) or facts.split == material.fingerprint()


def _unheard(material: Material) -> str:
    return ", ".join(map(str, (*material.held_out_folds, *material.validation_folds)))


def _require_able(path: Path, facts: ModelFacts, recipe: Recipe, material: Material) -> None:
    if facts.labels != material.dataset.labels:
        raise CheckpointError(f"{path} knows other classes than are to be learned: it cannot teach them")
    rates = [each.audio.sample_rate for each in (facts.recipe, recipe)]
    if rates[0] != rates[1]:
        raise CheckpointError(f"{path} hears at {rates[0]} Hz, the recipe at {rates[1]} Hz: it cannot teach it")
    fronts = [each.front_end for each in (facts.recipe, recipe)]
    ranges = [(front.kind, front.fmin, front.fmax) for front in fronts]
    if recipe.mixing.cut_frequency and ranges[0] != ranges[1]:
        raise CheckpointError(
            f"{path} hears other frequencies than the recipe: with mixing.cut_frequency it would be asked about "
            "another mixture"
        )
