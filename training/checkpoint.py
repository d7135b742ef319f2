"""Two files of a run: the model that is kept, and the state from which the run goes on.

Both are safetensors with their facts as JSON in the header: nothing is ever unpickled. Files are written aside and
renamed, so a run that is killed while saving leaves the last good one.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from contract.errors import EarshotError
from training.frontend import build_frontend
from training.model import AudioResNet, Classifier
from training.recipe import Recipe

MODEL_FILE = "model.safetensors"
STATE_FILE = "state.safetensors"
_HEADER = "earshot"


class CheckpointError(EarshotError):
    """A checkpoint cannot be used; the message names the file and what to do."""


class ModelFacts(BaseModel):
    """What a checkpoint says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    labels: tuple[str, ...]
    dataset: str
    held_out_folds: tuple[int, ...]
    """Folds that the model has not learned from; none = it knows them all."""
    validation_folds: tuple[int, ...] = ()
    """Folds that it was looked at on the way, and has not learned from either."""
    epochs: float
    """Epochs that it was trained for; a run that was cut short ends in a fraction."""
    commit: str
    """Source commit, with + where files were changed."""
    metrics: dict[str, float] = {}
    """Measured on the folds held out, by the weights of the last epoch."""


@dataclass
class RunState:
    """All that a run needs to go on as if it had not stopped."""

    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    scaler: dict[str, Any]
    step: int
    facts: ModelFacts
    progress: dict[str, Any] = field(default_factory=dict)


def build_classifier(recipe: Recipe, classes: int) -> Classifier:
    """The untrained model that a recipe describes."""
    frontend = build_frontend(recipe.front_end, recipe.audio.sample_rate)
    return Classifier(frontend, AudioResNet(recipe.model, classes))


def save_model(path: Path, model: nn.Module, facts: ModelFacts, half: bool = False) -> None:
    """Write weights and facts; `half` keeps weights as float16, half the bytes."""
    tensors = {name: _stored(name, tensor, half) for name, tensor in model.state_dict().items()}
    _save(path, tensors, {"facts": facts.model_dump(mode="json")})


def load_model(path: Path) -> tuple[Classifier, ModelFacts]:
    """The model in this file, in float32 and ready to be asked."""
    tensors, header = _load(path)
    facts = _facts(path, header)
    model = build_classifier(facts.recipe, len(facts.labels))
    try:
        model.load_state_dict({name: _restored(tensor) for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its weights do not fit the recipe that it names ({error})") from error
    return model.eval(), facts


def save_state(path: Path, state: RunState) -> None:
    """Write what a resumed run needs."""
    moments = state.optimiser["state"]
    tensors = {f"model.{k}": v for k, v in state.model.items()} | {
        f"average.{k}": v for k, v in state.average.items()
    }
    tensors |= {f"optimiser.{i}.{key}": v for i, entry in moments.items() for key, v in entry.items()}
    header = {
        "facts": state.facts.model_dump(mode="json"),
        "groups": state.optimiser["param_groups"],
        "scaler": state.scaler,
        "step": state.step,
        "progress": state.progress,
    }
    _save(path, {name: tensor.contiguous() for name, tensor in tensors.items()}, header)


def load_state(path: Path) -> RunState:
    """The state that a run was saved in."""
    tensors, header = _load(path)
    if "step" not in header:
        raise CheckpointError(f"{path} holds a finished model, not the state of a run: it cannot be resumed")
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimiser":
            index, _, key = rest.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
    return RunState(
        model=_with_prefix(tensors, "model."),
        average=_with_prefix(tensors, "average."),
        optimiser={"state": moments, "param_groups": header["groups"]},
        scaler=header["scaler"],
        step=header["step"],
        facts=_facts(path, header),
        progress=header["progress"],
    )


def _stored(name: str, tensor: Tensor, half: bool) -> Tensor:
    """The front end's statistics stay float32: they are few, and decibels lose by rounding."""
    shrink = half and tensor.is_floating_point() and not name.startswith("frontend.")
    return (tensor.half() if shrink else tensor).contiguous()


def _restored(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _save(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    save_file(tensors, aside, metadata={_HEADER: json.dumps(header)})
    aside.replace(path)


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint: {error}") from error
    except KeyError as error:
        raise CheckpointError(f"{path} was not written by Earshot: its header lacks {error}") from error


def _facts(path: Path, header: dict[str, Any]) -> ModelFacts:
    try:
        return ModelFacts.model_validate(header["facts"])
    except (KeyError, ValidationError) as error:
        raise CheckpointError(f"{path}: its facts are not those of this version of Earshot: {error}") from error
