"""Two files of a run: the model that is kept, and the state from which the run goes on.

Both are safetensors with their facts as JSON in the header: nothing is ever unpickled. Files appear whole or not at
all, so a run that is killed while saving leaves the last good one.
"""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from contract.bundle import WEIGHTS
from contract.errors import EarshotError
from contract.files import replacing
from training.frontend import build_frontend
from training.model import AudioResNet, Classifier, multiply_accumulates
from training.precision import Precision
from training.recipe import Recipe

MODEL_FILE = "model.safetensors"
STATE_FILE = "state.safetensors"
_HEADER = "earshot"
_Facts = TypeVar("_Facts", bound=BaseModel)


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
    split: str = ""
    """Fingerprint of the clips and of the side on which each stood."""
    teachers: tuple[str, ...] = ()
    """SHA-256 of the models that it learned from beside the labels."""
    epochs: float
    """Epochs that it was trained for; a run that was cut short ends in a fraction."""
    commit: str
    """Source commit, with + where files were changed."""
    metrics: dict[str, float] = {}
    """Measured on the folds held out, by the weights of the last epoch."""
    minutes: float | None = None
    """That the run has taken, pauses left out; none = from before this was kept."""


class RunProgress(BaseModel):
    """Where a run stands, besides its tensors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = 0
    scheduled: int = 0
    """Steps of the learning rate: fewer, where float16 overflowed and a step was left out."""
    precision: Precision
    """What `auto` meant where the run began."""
    best_loss: float | None = None
    looks_since_best: int = 0


@dataclass(frozen=True)
class RunState:
    """All that a run needs to go on as if it had not stopped."""

    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    scaler: dict[str, Any]
    progress: RunProgress
    facts: ModelFacts


def build_classifier(recipe: Recipe, classes: int) -> Classifier:
    """The untrained model that a recipe describes."""
    frontend = build_frontend(recipe.front_end, recipe.audio.sample_rate)
    return Classifier(frontend, AudioResNet(recipe.model, classes))


def operations(recipe: Recipe, classes: int) -> int:
    """Multiply-accumulates of the network for one window; those of the front end are not counted."""
    frontend = build_frontend(recipe.front_end, recipe.audio.sample_rate)
    picture = frontend(torch.zeros(1, recipe.audio.window_samples)).to("meta")
    with torch.device("meta"):  # shapes without numbers: nothing is computed
        network = AudioResNet(recipe.model, classes).eval()
    return multiply_accumulates(network, picture)


def model_file(place: Path) -> Path:
    """The weights in this folder of a run or a bundle; a file is taken as it is."""
    if not place.is_dir():
        return place
    return place / (WEIGHTS if (place / WEIGHTS).is_file() else MODEL_FILE)


def save_model(path: Path, model: nn.Module, facts: ModelFacts, half: bool = False) -> None:
    """Write weights and facts; `half` keeps weights as float16, half the bytes."""
    tensors = {name: _stored(name, tensor, half) for name, tensor in model.state_dict().items()}
    _save(path, tensors, {"facts": facts.model_dump(mode="json")})


def load_facts(path: Path) -> ModelFacts:
    """What this checkpoint says of itself, without its weights."""
    return _parsed(ModelFacts, path, _open(path)[1].get("facts"))


def load_model(path: Path) -> tuple[Classifier, ModelFacts]:
    """The model in this file, in float32 and ready to be asked."""
    tensors, header = _open(path, with_tensors=True)
    if "progress" in header:
        raise CheckpointError(f"{path} holds the state of a run, not a finished model: that is called {MODEL_FILE}")
    facts = _parsed(ModelFacts, path, header.get("facts"))
    model = build_classifier(facts.recipe, len(facts.labels))
    try:
        model.load_state_dict({name: _restored(tensor) for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its weights do not fit the recipe that it names ({error})") from error
    return model.eval(), facts


def with_half_weights(model: Classifier) -> Classifier:
    """A copy as it comes back from a file that keeps its weights as float16."""
    twin = copy.deepcopy(model)
    tensors = {name: _restored(_stored(name, tensor, half=True)) for name, tensor in model.state_dict().items()}
    twin.load_state_dict(tensors)
    return twin


def save_state(path: Path, state: RunState) -> None:
    """Write what a resumed run needs."""
    tensors = {f"model.{name}": tensor for name, tensor in state.model.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    for index, moments in state.optimiser["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
    header = {
        "facts": state.facts.model_dump(mode="json"),
        "progress": state.progress.model_dump(mode="json"),
        "groups": state.optimiser["param_groups"],
        "scaler": state.scaler,
    }
    _save(path, {name: tensor.contiguous() for name, tensor in tensors.items()}, header)


def load_state(path: Path) -> RunState:
    """The state that a run was saved in."""
    tensors, header = _open(path, with_tensors=True)
    if "progress" not in header:
        raise CheckpointError(f"{path} holds a finished model, not the state of a run: it cannot be resumed")
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _with_prefix(tensors, "optimiser.").items():
        index, _, moment = name.partition(".")
        moments.setdefault(int(index), {})[moment] = tensor
    return RunState(
        model=_with_prefix(tensors, "model."),
        average=_with_prefix(tensors, "average."),
        optimiser={"state": moments, "param_groups": header["groups"]},
        scaler=header["scaler"],
        progress=_parsed(RunProgress, path, header["progress"]),
        facts=_parsed(ModelFacts, path, header.get("facts")),
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
    with replacing(path) as aside:
        aside.write_bytes(save(tensors, {_HEADER: json.dumps(header)}))  # save_file() lets nobody else read it


def _open(path: Path, with_tensors: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            names = list(file.keys()) if with_tensors else []
            return {name: file.get_tensor(name) for name in names}, header
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint: {error}") from error
    except KeyError as error:
        raise CheckpointError(f"{path} was not written by Earshot: its header lacks {error}") from error


def _parsed(kind: type[_Facts], path: Path, content: object) -> _Facts:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise CheckpointError(f"{path}: its facts are not those of this version of Earshot: {error}") from error
