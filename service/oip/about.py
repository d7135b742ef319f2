"""What the protocol's clients are told of the server and its model before they send anything."""

from importlib.metadata import version

from contract.bundle import INPUT as WAVEFORM
from service.model import ServedModel
from service.oip.inputs import AUDIO
from service.oip.messages import ConfigTensor, IndexEntry, ModelConfig, ModelMetadata, ServerMetadata, TensorFacts
from service.oip.outputs import widths
from service.oip.tensors import BYTES, FLOATS
from service.serving import Serving

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration")
"""Of the protocol, those that are here as a whole."""

ANY = -1

_PLATFORMS = {
    "onnx": "onnxruntime_onnx",
    "tensorrt": "tensorrt_plan",
    "tensorrt_rtx": "tensorrt_plan",
    "torch": "pytorch_safetensors",
}
"""By engine, in the protocol's form `project_format`."""


def server_metadata() -> ServerMetadata:
    """Of the service, whatever it serves."""
    return ServerMetadata(name="earshot", version=version("earshot"), extensions=list(EXTENSIONS))


def model_metadata(serving: Serving) -> ModelMetadata:
    """The tensors that are taken and given. Of the two inputs, one is enough."""
    model = serving.model
    return ModelMetadata(
        name=model.name,
        versions=[model.version],
        platform=_PLATFORMS[serving.batcher.facts.name],
        inputs=[
            TensorFacts(
                name=WAVEFORM,
                datatype=FLOATS,
                shape=[ANY, model.window_samples],
                parameters={"sample_rate": model.sample_rate, "optional": True},
            ),
            TensorFacts(name=AUDIO, datatype=BYTES, shape=[ANY], parameters={"optional": True}),
        ],
        outputs=[
            TensorFacts(name=name, datatype=FLOATS, shape=[ANY, width]) for name, width in widths(model).items()
        ],
    )


def model_config(serving: Serving, most_rows: int) -> ModelConfig:
    """The same, as Triton's own clients want it.

    Some fill whatever is not optional with numbers of their own: so `waveform` is not, or they would send nothing.
    """
    model = serving.model
    return ModelConfig(
        name=model.name,
        platform=_PLATFORMS[serving.batcher.facts.name],
        max_batch_size=most_rows,
        input=[
            ConfigTensor(name=WAVEFORM, data_type="TYPE_FP32", dims=[model.window_samples]),
            ConfigTensor(name=AUDIO, data_type="TYPE_STRING", dims=[1], optional=True),
        ],
        output=[
            ConfigTensor(name=name, data_type="TYPE_FP32", dims=[width]) for name, width in widths(model).items()
        ],
        dynamic_batching={"preferred_batch_size": [serving.batcher.max_batch]},
    )


def index_entry(model: ServedModel, *, is_ready: bool, reason: str | None) -> IndexEntry:
    """One line of the list of models."""
    state = IndexEntry(name=model.name, version=model.version, state="READY", reason="")
    return state if is_ready else IndexEntry(**{**state, "state": "UNAVAILABLE", "reason": reason or ""})
