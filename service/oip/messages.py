"""The protocol's messages, as they travel and as OpenAPI shows them.

What a request brings beyond these is let pass, as the protocol wants: clients send parameters of their own.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StrictBool, with_config
from typing_extensions import TypedDict

MOST_TENSORS = 16
"""No model here has half as many; a bound, so that no list of tensors costs time."""

MOST_DIMENSIONS = 8
LONGEST_ID = 1024
LONGEST_TIMEOUT_MS = 3_600_000
INT64_MAX = 2**63 - 1

Count = Annotated[int, Field(strict=True, ge=0, le=INT64_MAX)]


class _Asked(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


_documented = with_config(ConfigDict(use_attribute_docstrings=True))


class InputParameters(_Asked):
    """How the data of an input are sent."""

    binary_data_size: Count | None = None
    """Bytes of it behind the JSON; without it, the data stand in the JSON."""
    shared_memory_region: str | None = None
    """Not supported: it is here to be refused."""


class InputTensor(_Asked):
    """One input of the model."""

    name: str
    shape: list[Count] = Field(max_length=MOST_DIMENSIONS)
    datatype: str
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = None
    """Flat or nested as the shape says. Of BYTES, each element is a string of base64."""

    @property
    def shown(self) -> str:
        """What errors call it."""
        return self.name[:50] or "the input without a name"


class OutputParameters(_Asked):
    """How an output is to be sent."""

    binary_data: StrictBool | None = None
    """Behind the JSON, instead of in it."""
    classification: Count = 0
    """So many of the highest values instead of all, each as a string `value:index:label`."""
    shared_memory_region: str | None = None
    """Not supported: it is here to be refused."""


class OutputWanted(_Asked):
    """One output that is asked for."""

    name: str
    parameters: OutputParameters = OutputParameters()


class InferParameters(_Asked):
    """What concerns the whole request."""

    timeout: Count = 0
    """Microseconds after which the answer is of no use; 0 for the service's own deadline."""
    binary_data_output: StrictBool = False
    """All outputs behind the JSON, but for those that say otherwise."""


class InferRequest(_Asked):
    """Tensors for the model: either `waveform` or `audio`."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "example": {
                "id": "42",
                "inputs": [{"name": "audio", "shape": [1], "datatype": "BYTES", "data": ["UklGRiQAAABXQVZF…"]}],
                "outputs": [{"name": "probabilities", "parameters": {"classification": 3}}],
            }
        },
    )

    id: str | None = Field(default=None, max_length=LONGEST_ID)
    """Comes back in the answer."""
    parameters: InferParameters = InferParameters()
    inputs: list[InputTensor] = Field(min_length=1, max_length=MOST_TENSORS)
    outputs: list[OutputWanted] = Field(default=[], max_length=MOST_TENSORS)
    """All of the model's, if none is named."""


@_documented
class BinarySize(TypedDict):
    """Where the data of an output are."""

    binary_data_size: int
    """Bytes of it behind the JSON, in the order of the outputs."""


@_documented
class OutputTensor(TypedDict):
    """One output of the model."""

    name: str
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    parameters: NotRequired[BinarySize]
    data: NotRequired[list[float] | list[str]]
    """Flat, row by row."""


@_documented
class Facts(TypedDict):
    """What answered and how long it took; the same numbers as in `Server-Timing`."""

    sha256: str
    """Of the graph that ran."""
    engine: str
    precision: str
    decode_ms: float
    queue_ms: float
    engine_ms: float
    total_ms: float
    batch_size: int
    """Of the largest batch that a part of it was computed in."""


@with_config(
    ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "example": {
                "model_name": "esc50-resnet",
                "model_version": "1.0.0",
                "id": "42",
                "parameters": {
                    "sha256": "164d06f8d34d6be691e75af412b5afb923438f7e2d0076973c0deec3f9356b43",
                    "engine": "onnx",
                    "precision": "int8",
                    "decode_ms": 0.071,
                    "queue_ms": 0.107,
                    "engine_ms": 4.815,
                    "total_ms": 6.099,
                    "batch_size": 1,
                },
                "outputs": [
                    {
                        "name": "probabilities",
                        "datatype": "BYTES",
                        "shape": [1, 3],
                        "data": ["0.994259:1:rooster", "0.004806:0:dog", "0.000392:40:helicopter"],
                    }
                ],
            }
        },
    )
)
class InferResponse(TypedDict):
    """What the model says."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    parameters: Facts
    outputs: list[OutputTensor]


@_documented
class TensorFacts(TypedDict):
    """One input or output; −1 stands for any number."""

    name: str
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    parameters: NotRequired[dict[str, str | int | bool]]
    """`sample_rate`: samples per second that it must have. `optional`: another input may be sent instead."""


@_documented
class ModelMetadata(TypedDict):
    """What the model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorFacts]
    outputs: list[TensorFacts]


@_documented
class ServerMetadata(TypedDict):
    """What serves, and the extensions of the protocol that it knows."""

    name: str
    version: str
    extensions: list[str]


@_documented
class Live(TypedDict):
    """Whether the process is of any use."""

    live: bool


@_documented
class Ready(TypedDict):
    """Whether requests are taken."""

    ready: bool


@_documented
class ModelReady(TypedDict):
    """Whether requests for this model are taken."""

    name: str
    ready: bool


@_documented
class ConfigTensor(TypedDict):
    """One input or output, without the dimension of the batch."""

    name: str
    data_type: str
    dims: list[int]
    optional: NotRequired[bool]


@_documented
class ModelConfig(TypedDict):
    """The part of Triton's model configuration that means something here."""

    name: str
    platform: str
    max_batch_size: int
    """Rows of one request; the batches of the engine are another matter."""
    input: list[ConfigTensor]
    output: list[ConfigTensor]
    dynamic_batching: dict[str, list[int]]
    """The sizes that the engine was warmed up for."""


@_documented
class IndexEntry(TypedDict):
    """One model."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class IndexRequest(_Asked):
    """Which models to name."""

    ready: StrictBool = False
    """Only those that take requests."""
