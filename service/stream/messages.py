"""The messages of a live stream, `WS /v1/stream`, and the order in which they come.

1. The client opens with text, an `Opening`: what its sound is like and how often it wants to be told.
2. The service says `Ready`.
3. The client sends binary messages of PCM, of any size up to 1 MiB; a frame may be split between two of them, and
   empty ones are passed over. With every hop of sound the service sends a `Heard`, the first one as soon as there is
   one hop, padded with silence as short clips are, later ones over the last `window_s` seconds.
4. The client sends `Closing`. What is left of its sound is answered, then comes an `Ended`, and the stream is closed.

While the engine is behind, hops are skipped and the newest counts (`skipped` says how many), unless the client has
asked the service to wait: then it reads no further until the engine has come to each. A hop that cannot be answered,
as under overload, is told as a `Trouble` with `end_s`, and the stream goes on. A `Trouble` without `end_s` ends it.

How a stream is closed: 1000 as asked; 1001 nothing came for too long; 1003 the opening is not text; 1007 a text is no
UTF-8; 1008 a message is not understood or holds no sound; 1009 a message is too large, or in too many parts; 1011 a
fault here; 1012 the service shuts down, or now serves a model that hears otherwise: connect again; 1013 there is no
engine at the moment.

Before a stream is accepted, it is refused like any request, by an HTTP status with a problem as its body. Where API
keys are needed, one comes as `Authorization: Bearer <key>` or `X-API-Key: <key>`. Web pages, which cannot set headers
here, offer two subprotocols, `earshot.v1` and `earshot.key.<key>`; the service accepts the first. A key never stands
in the URL, for URLs are logged.
"""

from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from contract.audio import Limits
from service.schemas import MOST_LABELS, ModelUsed, Prediction
from service.stream.formats import SampleFormat, in_full

SHORTEST_HOP_S = 0.1
"""Ten answers a second: sounds have no names that change faster."""

LONGEST_HOP_S = 60.0
"""Whoever wants to be told less often sends clips."""

MOST_SMOOTHING = 0.99
"""At 1, the first hop would be the last word."""

_BOUNDS = Limits()


class _FromClient(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Opening(_FromClient):
    """The client's first message."""

    format: Annotated[SampleFormat, BeforeValidator(in_full)]
    """Of each sample: 16-bit integers, or 32-bit floats from -1 to 1; little-endian, channels interleaved."""
    sample_rate: int = Field(ge=_BOUNDS.min_sample_rate, le=_BOUNDS.max_sample_rate)
    """Samples per second and channel; the service resamples."""
    channels: int = Field(default=1, ge=1, le=_BOUNDS.max_channels)
    """Their mean is heard."""
    hop_s: float = Field(default=1.0, ge=SHORTEST_HOP_S, le=LONGEST_HOP_S)
    """Seconds of sound from one answer to the next."""
    top_k: int = Field(default=3, ge=1, le=MOST_LABELS)
    """How many labels, the most probable first."""
    smoothing: float = Field(default=0.5, ge=0, le=MOST_SMOOTHING)
    """What the hops before weigh, each less than the next: 0 hears each window for itself."""
    when_behind: Literal["skip", "wait"] = "skip"
    """What happens to hops for which the engine has no time: live sound skips them, a recording can wait."""


class Closing(_FromClient):
    """The client's last message."""

    type: Literal["end"]


class Ready(TypedDict):
    """The stream is open."""

    type: Literal["ready"]
    request_id: str
    """By which the service's log knows this stream."""
    model: ModelUsed
    sample_rate: int
    """What the model hears; all times are counted in it."""
    window_s: float
    hop_s: float
    idle_s: float
    """The stream is closed if nothing comes for so long."""


class Heard(TypedDict):
    """What was heard by the end of a hop."""

    type: Literal["prediction"]
    hop: int
    """1 is the first; skipped ones are counted."""
    start_s: float
    """Of the window, since the beginning of the stream."""
    end_s: float
    predictions: list[Prediction]
    """After smoothing."""
    uncertain: bool | None
    """Whether the model is less sure than it should be to be believed, judged after smoothing."""
    novelty: float | None
    """Of this window alone: how far it lies from all that the model has learned; 1 is typical."""
    unlike_training: bool | None
    skipped: int
    """Hops since the last prediction that got none."""
    latency_ms: float
    """From the arrival of the window's last sample to this answer."""
    queue_ms: float
    engine_ms: float
    batch_size: int
    model: ModelUsed


class Trouble(TypedDict):
    """A problem, as in the body of a refused request; `type` is what it is among these messages."""

    type: Literal["problem"]
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retry_after_s: NotRequired[float]
    start_s: NotRequired[float]
    """Of the window that has no answer; without these two, the stream ends."""
    end_s: NotRequired[float]


class Ended(TypedDict):
    """The last message of a stream that ends in order."""

    type: Literal["end"]
    reason: str
    """asked, idle, draining or model_changed."""
    hops: int
    """That were answered."""
    skipped: int
    """That were not."""
    heard_s: float
    """Seconds of sound."""
