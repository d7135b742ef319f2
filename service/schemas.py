"""The requests that are taken and the answers that are given, as OpenAPI shows them.

What `/v1/classify` answers is made of typed dictionaries: they cost nothing to build, and go to JSON in one step.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

MOST_LABELS = 1000
"""A bound on `top_k`; no sound needs more names."""


class _Schema(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())


_documented = with_config(ConfigDict(use_attribute_docstrings=True))


class ClassifyQuery(_Schema):
    """What may be asked for beside the sound."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    top_k: int = Field(default=5, ge=1, le=MOST_LABELS)
    """How many labels, the most probable first."""
    hop_s: float | None = Field(default=None, gt=0, le=3600, allow_inf_nan=False)
    """Seconds from one window to the next in long audio; the length of a window if left alone."""
    timeout_ms: int | None = Field(default=None, ge=1, le=3_600_000)
    """Milliseconds after which the answer is of no use: what cannot be done by then is refused at once."""
    labels: str | None = Field(default=None, min_length=1, max_length=10_000)
    """Only these, with commas between them; their confidences stay as they are among all, and
    `uncertain` is said of the best of them."""


class DebugQuery(_Schema):
    """What may be asked of the debug path."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    layers: str = Field(default="stem.relu,layer*.block*.relu,head", min_length=1, max_length=4000)
    """Names with commas between them, * and ? for what they leave open; /v1/debug/layers has them all."""
    format: Literal["json", "png", "npz"] = "json"
    """Numbers to draw, a contact sheet, or all values in full for numpy.load."""
    max_channels: int = Field(default=8, ge=1, le=4096)
    """Maps of each layer, those that vary most first; npz has all of them."""
    max_side: int = Field(default=32, ge=1, le=1024)
    """Rows and columns of a map; larger ones are averaged."""
    heat: str | None = Field(default=None, min_length=1, max_length=200)
    """A label: where its score comes from. The most probable ones if left alone."""
    top_k: int = Field(default=5, ge=1, le=MOST_LABELS)
    """How many labels, and how many heat maps."""
    window: int = Field(default=0, ge=0, le=100_000)
    """Which window of long audio, counted from 0."""
    timeout_ms: int | None = Field(default=None, ge=1, le=3_600_000)
    """Milliseconds after which the answer is of no use."""


class LayerFacts(_Schema):
    """One layer of the network."""

    name: str
    """By which it is asked for; dots lead inwards."""
    kind: str
    parameters: int
    """With those of the layers inside of it."""
    shape: tuple[int, ...]
    """Channels, rows over frequency, columns over time; or features."""


class AudioInJson(_Schema):
    """The sound inside of JSON."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    audio: str
    """The bytes of an audio file, in base64."""


@_documented
class Prediction(TypedDict):
    """One label and how sure the model is of it."""

    label: str
    index: int
    """Of the label among the model's."""
    confidence: float
    """Calibrated: of answers with 0.8, about 80 % are right."""


@_documented
class Novelty(TypedDict):
    """How far the sound lies from all that the model has learned."""

    score: float
    """1 is typical of the training data."""
    threshold: float
    """Above it, the model has heard nothing like it."""
    unlike_training: bool


@_documented
class Stretch(TypedDict):
    """What was heard in one window."""

    start_s: float
    end_s: float
    predictions: list[Prediction]
    uncertain: bool | None
    novelty: float | None


@_documented
class AudioFacts(TypedDict):
    """What was sent."""

    format: str
    codec: str
    sample_rate: int
    """As it was sent; the model's own is at /v1/model."""
    channels: int
    duration_s: float
    windows: int


@_documented
class Timings(TypedDict):
    """Where the time went, the same numbers as in `Server-Timing`."""

    decode_ms: float
    queue_ms: float
    engine_ms: float
    total_ms: float
    """From the first byte of the request to the answer; the upload is in it."""
    batch_size: int
    """Of the batch that it was computed in."""


@_documented
class ModelUsed(TypedDict):
    """What answered."""

    name: str
    version: str
    sha256: str
    """Of the graph that ran."""
    engine: str
    precision: str


@_documented
class Classification(TypedDict):
    """What a sound is."""

    predictions: list[Prediction]
    uncertain: bool | None
    """Whether the model is less sure than it should be to be believed; null where its threshold is not known."""
    novelty: Novelty | None
    timeline: list[Stretch]
    """For audio longer than one window; `predictions` are the mean of it."""
    audio: AudioFacts
    timings: Timings
    model: ModelUsed
    request_id: str


class AudioWanted(_Schema):
    """What the model hears; the service turns anything else into it."""

    sample_rate: int
    window_samples: int
    window_s: float


class EngineUsed(_Schema):
    """What runs the model."""

    name: str
    version: str
    precision: str
    device: str
    graph: str
    sha256: str
    replicas: int
    max_batch: int
    chosen_because: str


class Thresholds(_Schema):
    """Where the model stops being believed; null where nobody measured it."""

    temperature: float
    reject_below: float | None
    novelty: float | None


class ModelFacts(_Schema):
    """What is served."""

    name: str
    version: str
    labels: list[str]
    audio: AudioWanted
    calibration: Thresholds
    engine: EngineUsed
    accuracy: float | None
    """Mean over the official folds, from cross-validation."""
    license: str | None
    commercial_use: bool | None
    attribution: str | None


class Health(_Schema):
    """Whether to send requests, or to start anew."""

    status: str
    reason: str | None = None


class Reloaded(_Schema):
    """What is served after a reload."""

    name: str
    version: str
    sha256: str
