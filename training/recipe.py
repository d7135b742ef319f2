"""A recipe: everything that decides what a training run does, in one small typed file.

Recipes are TOML files in `training/recipes/`, or anywhere. Each field can be overridden from the command line as
`--set section.field=value`. The resolved recipe travels with every checkpoint.
"""

import re
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from contract.errors import EarshotError
from training.augment import Mixing, SpecAugment, WaveAugment
from training.frontend import FrontEndConfig
from training.model import ModelConfig

_SHIPPED = Path(__file__).parent / "recipes"
_SHORT = 60  # letters of a wrong value that a message can bear


class RecipeError(EarshotError):
    """A recipe cannot be used; the message names the field and what it may be."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class AudioConfig(_Section):
    """The piece of sound that the model hears at once."""

    sample_rate: int = Field(default=32000, ge=4000, le=192000)
    """Samples per second."""
    seconds: float = Field(default=5.0, gt=0, le=60)
    """Length of one window."""

    @property
    def window_samples(self) -> int:
        """Length of one window in samples."""
        return round(self.sample_rate * self.seconds)


class LossConfig(_Section):
    """What the network is punished for."""

    kind: Literal["cross_entropy", "bce"] = "cross_entropy"
    """Softmax with mixed labels by weight, or one yes/no per class with every audible label at 1."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share given to all classes alike."""
    drop_weaker_above: float = Field(default=0.9, ge=0.5, le=1)
    """For bce: a label whose partner weighs more than this is not audible."""
    taught: float = Field(default=0.8, ge=0, le=1)
    """Where the run has teachers: how much of each target is what they say of the same mixed batch."""


Decay = Annotated[float, Field(ge=0, lt=1)]


class OptimiserConfig(_Section):
    """AdamW under a one-cycle schedule."""

    lr: float = Field(default=3e-3, gt=0, le=1)
    """Highest learning rate of the cycle."""
    weight_decay: float = Field(default=0.05, ge=0)
    """Pull towards zero; not applied to norms and biases."""
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    """How slowly AdamW's two moments forget."""
    warmup: float = Field(default=0.15, gt=0, lt=1)
    """Share of the steps in which the rate rises."""
    grad_clip: float = Field(default=5.0, ge=0)
    """Largest norm of the gradient; 0 = no clipping."""
    ema_decay: Decay = 0.999
    """How slowly the average of the weights forgets; 0 = the weights of the last step."""


class Piece(NamedTuple):
    """A part of the run that learns from pieces of the windows: they cost less, and say nearly as much."""

    until: Annotated[float, Field(gt=0, lt=1)]
    """The share of all steps at which the part ends."""
    seconds: Annotated[float, Field(gt=0)]
    """Length of a piece. It begins anywhere in its window; where the window ends, it runs on at the beginning."""


class LoopConfig(_Section):
    """How long and on what the loop runs."""

    epochs: int = Field(default=60, ge=1)
    """How often every window is seen."""
    batch_size: int = Field(default=32, ge=2)
    """Windows that are learned from at once."""
    pieces: tuple[Piece, ...] = ()
    """[until, seconds]: pieces of the windows up to this share of the steps; the last steps see whole windows."""
    piece_draws: int = Field(default=1, ge=1, le=16)
    """Places drawn for each piece, the loudest of which is taken: silence teaches nothing."""
    seed: int = Field(default=0, ge=0)
    """Decides every random draw of the run."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Format of convolutions and products; auto = bf16 where the hardware multiplies it natively, else fp32."""
    compile: bool = False
    """Compile the network: worth its minute on long GPU runs."""
    deterministic: bool = False
    """On a GPU: refuse operations that differ from run to run."""
    evaluate_every: int = Field(default=5, ge=1)
    """Epochs between two looks at clips that are not learned from."""
    patience: int = Field(default=0, ge=0)
    """Stop after so many looks without a better loss on the validation fold, never the test fold; 0 = never."""

    @model_validator(mode="after")
    def _pieces_in_order(self) -> Self:
        ends = [piece.until for piece in self.pieces]
        if any(later <= end for end, later in pairwise(ends)):
            raise ValueError(f"pieces: each must end later than the one before, not at {ends}")
        return self


class Recipe(_Section):
    """Everything that decides what a run does."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """What the model is called."""
    labels: tuple[str, ...] = ()
    """Classes to learn, in this order; none named = all."""
    audio: AudioConfig = AudioConfig()
    front_end: FrontEndConfig = FrontEndConfig()
    model: ModelConfig = ModelConfig()
    wave_augment: WaveAugment = WaveAugment()
    spectrogram_augment: SpecAugment = SpecAugment()
    mixing: Mixing = Mixing()
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    loop: LoopConfig = LoopConfig()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must not name a class twice")
        if self.front_end.fmax > self.audio.sample_rate / 2:
            raise ValueError(
                f"front_end.fmax is {self.front_end.fmax:g} Hz, above half of audio.sample_rate "
                f"({self.audio.sample_rate / 2:g} Hz)"
            )
        if self.audio.window_samples < self.front_end.n_fft:
            raise ValueError("audio.seconds is shorter than one frame of front_end.n_fft samples")
        for _, seconds in self.loop.pieces:
            if seconds > self.audio.seconds:
                raise ValueError(f"loop.pieces: {seconds:g} s is longer than the window of {self.audio.seconds:g} s")
            if seconds * self.audio.sample_rate < self.front_end.n_fft:
                raise ValueError(f"loop.pieces: {seconds:g} s is shorter than one frame of front_end.n_fft samples")
        return self

    def with_whole_windows(self) -> Self:
        """The same, without pieces."""
        return self.model_copy(update={"loop": self.loop.model_copy(update={"pieces": ()})})


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with Earshot."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def load_recipe(name_or_path: str, overrides: list[str] | None = None) -> Recipe:
    """The recipe of this name or in this file, with `section.field=value` overrides applied."""
    path = Path(name_or_path) if name_or_path.endswith(".toml") else _SHIPPED / f"{name_or_path}.toml"
    if not path.is_file() and name_or_path.endswith(".toml"):
        raise RecipeError(f"no file {name_or_path}")
    if not path.is_file():
        known = ", ".join(shipped_recipes())
        raise RecipeError(f"no recipe {name_or_path!r}: name one of {known}, or a .toml file")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
    content.setdefault("name", re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._"))
    for override in overrides or []:
        _override(content, override)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"recipe {name_or_path}: {_problems(error)}") from error


def flat_fields(recipe: Recipe) -> dict[str, Any]:
    """Every field by the dotted name that `--set` takes."""
    return {name: value for name, value, _ in described_fields(recipe)}


def described_fields(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Every field: its dotted name, its value as a file writes it, and what it means."""
    written = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from described_fields(value, f"{prefix}{name}.")
        else:
            yield prefix + name, written[name], " ".join((field.description or "").split())


def _override(content: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override}: expected section.field=value, as in --set loop.epochs=20")
    *sections, field = dotted.strip().split(".")
    if not field:
        raise RecipeError(f"--set {override}: no field is named; expected section.field=value")
    for section in sections:
        content = content.setdefault(section, {})
        if not isinstance(content, dict):
            raise RecipeError(f"--set {override}: {section} is a value, not a section")
    content[field] = _parse_value(text.strip())


def _parse_value(text: str) -> object:
    """TOML where it is TOML; else the bare text, so that strings need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _problems(error: ValidationError) -> str:
    return "; ".join(_problem(entry) for entry in error.errors())


def _problem(entry: ErrorDetails) -> str:
    where = ".".join(str(part) for part in entry["loc"])
    if entry["type"] == "extra_forbidden":
        known = [name for name, _, _ in described_fields(Recipe(name="any"))]
        near = get_close_matches(where, known, n=1)
        return f"{where}: no such field" + (f"; did you mean {near[0]}?" if near else "")
    message = entry["msg"].removeprefix("Value error, ")
    got = repr(entry["input"])
    return f"{where}: {message}" + (f" (got {got})" if len(got) <= _SHORT else "") if where else message
