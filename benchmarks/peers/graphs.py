"""Two graphs to be served: random weights from a seed, because what is measured is the server and not the ear.

`small` is a log-mel front end and a ResNet of eight blocks, 3.3 · 10⁹ operations a clip: the engine takes nearly all
of the time. `tiny` is three convolutions over the waveform, 0.05 · 10⁹: the server's own cost decides.
"""

import math
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import RATE, SECONDS, wav_bodies
from contract.audio import decode
from contract.files import cache_folder, replacing

CLASSES = 50
SAMPLES = round(SECONDS * RATE)

_SEED = 7
_OPSET, _IR = 17, 8
_N_FFT, _HOP, _MELS, _FLOOR = 1024, 441, 64, 1e-6
_WIDTH = 32
_CLIPS, _SPREAD = 40, 3.0
"""Over which the scores are spread, and how far: answers that differ can be told to be right."""

Weights = NDArray[np.float32]


class _Graph:
    """Grows node by node; each of them gives the name of what it computes."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(_SEED)
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def constant(self, values: NDArray[Any]) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = values
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401
        from onnx import helper

        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolution(self, signal: str, weights: Weights, stride: int, pad: int = 0) -> str:
        axes = weights.ndim - 2
        bias = self.constant(np.zeros(len(weights), np.float32))
        return self.node("Conv", signal, self.constant(weights), bias, strides=[stride] * axes, pads=[pad] * 2 * axes)

    def drawn(self, *shape: int) -> Weights:
        """Weights that keep the size of what flows through a rectifier."""
        scale = math.sqrt(2 / math.prod(shape[1:]))
        return (scale * self._random.standard_normal(shape)).astype(np.float32)

    def model(self, features: str, head: Weights, bias: Weights) -> Any:  # noqa: ANN401
        """All of it, with a last layer of these weights."""
        from onnx import TensorProto, helper, numpy_helper

        last = helper.make_node("Gemm", [features, "head", "bias"], ["logits"], transB=1)
        constants = [
            numpy_helper.from_array(values, name)
            for name, values in (self._constants | {"head": head, "bias": bias}).items()
        ]
        sound = helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["batch", SAMPLES])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])
        graph = helper.make_graph([*self._nodes, last], "earshot-peers", [sound], [logits], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)


def made(name: str) -> Path:
    """The file of this name, made now if it was not made before by what stands here."""
    recipe = sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    file = cache_folder() / "peers" / f"{name}-{recipe}.onnx"
    if not file.exists():
        with replacing(file) as aside:
            aside.write_bytes(_spread(GRAPHS[name]))
    return file


def _spread(body: Callable[[_Graph], tuple[str, int]]) -> bytes:
    """The graph with a last layer that gives each class its turn over real clips."""
    import onnxruntime

    graph = _Graph()
    features, width = body(graph)
    head, bias = graph.drawn(CLASSES, width), np.zeros(CLASSES, np.float32)
    session = onnxruntime.InferenceSession(graph.model(features, head, bias).SerializeToString())
    sounds = [decode(clip, RATE)[None] for clip in wav_bodies(count=_CLIPS)]
    logits = np.concatenate([session.run(None, {"waveform": sound})[0] for sound in sounds])
    mean, deviation = logits.mean(0), logits.std(0) / _SPREAD
    fitted: bytes = graph.model(features, head / deviation[:, None], -mean / deviation).SerializeToString()
    return fitted


def _small(graph: _Graph) -> tuple[str, int]:
    signal = _log_mel(graph)
    signal = graph.node("Relu", graph.convolution(signal, graph.drawn(_WIDTH, 1, 5, 5), 2, 2))
    width = _WIDTH
    for stage in range(4):
        before, width = width, _WIDTH * 2**stage
        signal = _block(graph, signal, before, width, 1 if stage == 0 else 2)
        signal = _block(graph, signal, width, width, 1)
    return graph.node("ReduceMean", signal, axes=[2, 3], keepdims=0), width


def _tiny(graph: _Graph) -> tuple[str, int]:
    axes = graph.constant(np.array([1]))
    signal = graph.node("Unsqueeze", "waveform", axes)
    for before, after, length, stride in ((1, 32, 256, 128), (32, 64, 9, 4), (64, 64, 9, 4)):
        signal = graph.node("Relu", graph.convolution(signal, graph.drawn(after, before, length), stride))
    return graph.node("ReduceMean", signal, axes=[2], keepdims=0), 64


def _log_mel(graph: _Graph) -> str:
    bases = _fourier_bases()
    channel = graph.constant(np.array([1]))
    spectrum = graph.convolution(graph.node("Unsqueeze", "waveform", channel), bases, _HOP)
    squares = graph.node("Mul", spectrum, spectrum)
    mel = np.tile(_mel_filters(), 2)  # real and imaginary parts are squared and summed in one product
    power = graph.node("MatMul", graph.constant(mel), squares)
    level = graph.node("Log", graph.node("Add", power, graph.constant(np.array(_FLOOR, np.float32))))
    return graph.node("Unsqueeze", level, channel)


def _block(graph: _Graph, signal: str, before: int, after: int, stride: int) -> str:
    body = graph.node("Relu", graph.convolution(signal, graph.drawn(after, before, 3, 3), stride, 1))
    body = graph.convolution(body, graph.drawn(after, after, 3, 3), 1, 1)
    if before != after:
        signal = graph.convolution(signal, graph.drawn(after, before, 1, 1), stride)
    return graph.node("Relu", graph.node("Add", body, signal))


def _fourier_bases() -> Weights:
    """Windowed cosines and sines."""
    n = np.arange(_N_FFT)
    angle = 2 * np.pi * np.arange(_N_FFT // 2 + 1)[:, None] * n / _N_FFT
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / _N_FFT)
    return np.concatenate([np.cos(angle) * window, -np.sin(angle) * window])[:, None].astype(np.float32)


def _mel_filters() -> Weights:
    """Triangles, evenly spread over the mel scale."""
    hertz = np.linspace(0, RATE / 2, _N_FFT // 2 + 1)
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, _MELS + 2) / 2595) - 1)
    low, middle, high = (corners[i : i + _MELS, None] for i in range(3))
    rise, fall = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    return np.maximum(np.minimum(rise, fall), 0).astype(np.float32)


GRAPHS: Mapping[str, Callable[[_Graph], tuple[str, int]]] = {"small": _small, "tiny": _tiny}
"""By name: the body gives the name of its features and how many there are."""
