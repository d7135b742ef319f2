"""What a bundle says of itself: `manifest.json`, all that passes from training and export to service.

A newer minor schema may add fields, which are passed over here; a newer major one changed what a field means, and is
refused.
"""

import json
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

SCHEMA_MAJOR = 1
SCHEMA_VERSION = f"{SCHEMA_MAJOR}.0"

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True)


class Audio(_Part):
    """What the graph hears."""

    sample_rate: int = Field(ge=1)
    """Samples per second of the waveform."""
    window_samples: int = Field(ge=1)
    """Length of one window; a shorter sound is padded with silence at its end."""
    normalisation: Literal["none"] = "none"
    """Levels are left as they are: full scale is ±1, and loudness is part of the sound."""


class FrontEnd(_Part):
    """What the graph makes of the waveform first; for people, since the graph does it itself."""

    kind: Literal["logmel", "mfcc"]
    n_fft: int
    hop: int
    n_mels: int
    n_mfcc: int | None = None
    fmin: float
    fmax: float
    floor_db: float


class Model(_Part):
    """The network's size."""

    parameters: int
    multiply_accumulates: int
    """Per window; without the front end."""
    embedding: int
    """Numbers in the embedding."""
    pruned: Share = 0.0
    """Share of the multiply-accumulates that was cut out."""


class Calibration(_Part):
    """How scores become confidences that can be believed."""

    temperature: float = Field(gt=0)
    """Logits are divided by this before the softmax."""
    reject_below: Share
    """Answers with less confidence than this are uncertain."""
    precision: Share
    """Share of right answers at or above that threshold."""
    precision_wanted: Share
    coverage: Share
    """Share of sounds that is answered with at least that confidence."""
    windows: int
    """How many held-out windows this was measured on."""
    folds: tuple[int, ...]

    @property
    def is_reached(self) -> bool:
        """Whether the precision that was wanted could be had; else the threshold is the one that gives the best."""
        return self.precision >= self.precision_wanted


class Novelty(_Part):
    """When a sound is unlike all that was learned from; `reference.npz` holds what the distance is measured to."""

    method: str
    threshold: float
    """Sounds at a larger distance are new."""
    percentile: float
    """Of the distances of held-out sounds: so many of the known sounds lie below the threshold."""
    flagged: dict[str, Share] = {}
    """By fold: share of its windows beyond the threshold; alike, where the models can be compared."""


class FoldMetrics(_Part):
    """Measured on one fold, by a model that has not heard it."""

    windows: int
    accuracy: Share
    loss: float
    ece: Share
    """Expected calibration error of the bare scores."""
    ece_calibrated: Share
    """The same after division by a temperature that was fitted to other folds (of a single one: to other parts)."""


class Summary(_Part):
    """Over all folds."""

    accuracy: Share
    """Mean over the folds."""
    deviation: float
    """Standard deviation between the folds."""
    missing_folds: tuple[int, ...] = ()
    """Folds of the data for which there was no model that has not heard them."""
    ece: Share
    ece_calibrated: Share
    seed: int
    commits: tuple[str, ...]
    """Source that trained the models of the folds."""


class Parity(_Part):
    """How far one file's answers lie from those of the PyTorch model."""

    folds: tuple[int, ...]
    """Held-out folds that it was measured on, each asked of the model that has not heard it."""
    windows: int
    max_delta: float
    """Largest difference of a logit."""
    p999_delta: float
    """99.9 % of the logits differ by less."""
    agreement: Share
    """Share of windows that are named alike."""
    accuracy: Share
    accuracy_float: Share
    """Of the PyTorch model, on the same windows."""
    called_new: Share
    """Share of these windows that lies beyond the threshold of novelty, by the embeddings of this file."""
    hostile_max_delta: float
    """Largest difference of the shipped weights on signals made to break arithmetic."""
    own_windows: int
    """How many windows the shipped weights themselves were compared on; they have learned from these."""
    own_max_delta: float
    own_agreement: Share


class LayerSensitivity(_Part):
    """What quantising one layer alone does to the answers."""

    layer: str
    rms_delta: float
    max_delta: float
    changed: int
    """Answers that changed."""
    windows: int


class Latency(_Part):
    """Median time of one window, one thread, whole graph."""

    engine: str
    milliseconds: float
    speedup: float
    """How many times faster than PyTorch, measured in turn."""
    loading: float | None = None
    """Milliseconds until the session stands."""


class Speed(_Part):
    """A table of latencies, measured in one run."""

    machine: str
    rounds: int
    rows: tuple[Latency, ...]


class File(_Part):
    """One file of the bundle."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class License(_Part):
    """Under what terms the weights may be used."""

    name: str
    commercial_use: bool | None
    """Unknown where the training data did not say."""
    attribution: str = ""


class Manifest(_Part):
    """The whole of `manifest.json`."""

    schema_version: str = Field(default=SCHEMA_VERSION, pattern=r"^\d+\.\d+$")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)
    version: str
    created: datetime
    commit: str
    """Source that exported it."""
    trained_commit: str
    """Source that trained it."""
    dataset: str
    training_windows: int
    """How many windows these weights have learned from."""
    teachers: int = 0
    """How many models of the same sounds they have learned from besides."""
    held_out_folds: tuple[int, ...]
    """Folds that these weights have not heard; none = they know them all."""
    recipe: dict[str, Any]
    audio: Audio
    front_end: FrontEnd
    model: Model
    labels: tuple[str, ...] = Field(min_length=2)
    calibration: Calibration
    novelty: Novelty
    metrics: dict[str, FoldMetrics]
    """By fold held out."""
    summary: Summary
    parity: dict[str, Parity]
    """By file."""
    sensitivity: tuple[LayerSensitivity, ...] = ()
    kept_float: tuple[str, ...] = ()
    """Layers that INT8 leaves alone."""
    speed: Speed
    files: dict[str, File]
    """By name; the manifest itself is not among them."""
    license: License

    @field_validator("files")
    @classmethod
    def _names_stay_inside(cls, files: dict[str, File]) -> dict[str, File]:
        for name in files:
            if PurePosixPath(name).name != name or name in {"", ".", "..", "manifest.json"} or "\\" in name:
                raise ValueError(f"{name!r} is no name of a file in a bundle")
        return files

    @field_validator("labels")
    @classmethod
    def _labels_differ(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands there twice")
        return labels


def metadata_of(manifest: Manifest) -> dict[str, str]:
    """What each graph of the bundle says of itself, so that its file alone can be used."""
    return {
        "name": manifest.name,
        "version": manifest.version,
        "labels": json.dumps(manifest.labels),
        "sample_rate": str(manifest.audio.sample_rate),
        "window_samples": str(manifest.audio.window_samples),
        "temperature": str(manifest.calibration.temperature),
        "reject_below": str(manifest.calibration.reject_below),
        "license": manifest.license.name,
        "source": manifest.trained_commit,
    }
