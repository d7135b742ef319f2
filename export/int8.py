"""The same graph with 8-bit weights and activations: a quarter of the bytes, and integer arithmetic on a CPU.

Each tensor that is quantised passes through a QuantizeLinear and a DequantizeLinear of the standard domain, placed so
that an engine can run what stands between them in integers; one that cannot runs the file in float.

Activations are unsigned and span what calibration saw, from the smallest to the largest value; behind a ReLU that
takes over the ReLU's work. Weights are signed, with one scale per output channel, and use 7 of their 8 bits: x86
without VNNI adds two products in 16 bits, which overflow with larger weights. Rounded weights keep the sum of each
kernel: neighbouring points of a spectrogram are alike, so that errors of one sign add up.
"""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from export.ranges import QuantisationError, Ranges, Trunk

_LARGEST_WEIGHT = 64  # 255 · (64 + 64) < 2¹⁵
_LARGEST_BIAS = 2**30  # leaves the other half of an int32 to the products
_STEPS = 255  # of an activation

_Activations = dict[str, tuple[np.float32, np.uint8]]
"""Scale and zero point of each tensor that is quantised."""


def quantise(graph: onnx.ModelProto, ranges: Ranges, keep_float: Collection[str] = ()) -> onnx.ModelProto:
    """A graph of `folded_graph` with its convolutions, sums and pools in 8 bits, but for the layers named."""
    trunk = Trunk.of(graph)
    layers = trunk.layers
    if unknown := sorted(set(keep_float) - layers.keys()):
        raise QuantisationError(f"there is no layer {unknown[0]} to keep in float32; there are {', '.join(layers)}")
    quantised = with_quantised(graph, ranges, _with_what_they_read(trunk, layers.keys() - set(keep_float)))
    onnx.checker.check_model(quantised, full_check=True)
    return quantised


def with_quantised(graph: onnx.ModelProto, ranges: Ranges, chosen: AbstractSet[str]) -> onnx.ModelProto:
    """The graph with exactly these nodes of its trunk in 8 bits."""
    trunk = Trunk.of(graph)
    nodes = [node for node in trunk.nodes if node.name in chosen]
    activations = _activations(trunk, nodes, ranges)
    floats = {tensor.name: tensor for tensor in graph.graph.initializer}
    stored: dict[str, list[TensorProto]] = {}
    for node in nodes:
        if node.op_type == "Conv":
            stored |= _quantised_layer(node, floats, activations[node.input[0]][0])
    twin = onnx.ModelProto()
    twin.CopyFrom(graph)
    del twin.graph.initializer[:], twin.graph.node[:]
    twin.graph.initializer.extend(tensor for name, tensor in floats.items() if name not in stored)
    twin.graph.initializer.extend(tensor for tensors in stored.values() for tensor in tensors)
    for name, (scale, zero) in activations.items():
        twin.graph.initializer.extend(_parameters(name, scale, zero))
    twin.graph.node.extend(_dequantise(name, name, axis=0) for name in stored)
    _place(twin.graph, graph.graph, activations)
    return twin


def _with_what_they_read(trunk: Trunk, layers: AbstractSet[str]) -> set[str]:
    """Nodes of these layers, and the sums and pools whose results they read: both sides of each are integers then."""
    of_layers = {node.name for name, node in trunk.layers.items() if name in layers}
    chosen, read = set(), set()
    for node in reversed(trunk.nodes):
        wanted = node.name in of_layers if node.op_type == "Conv" else trunk.given_by(node) in read
        if wanted:
            chosen.add(node.name)
            read.update(node.input)
    return chosen


def _activations(trunk: Trunk, nodes: Iterable[NodeProto], ranges: Ranges) -> _Activations:
    """Whatever these nodes read or give."""
    found: _Activations = {}
    for node in nodes:
        for name in node.input:
            if name in ranges and name not in found:
                found[name] = _scale_and_zero(*ranges[name])
        given = trunk.given_by(node)
        is_choice = node.op_type == "MaxPool"  # among integers, if what goes in and what comes out mean the same
        found[given] = found[node.input[0]] if is_choice else _scale_and_zero(*ranges[given])
    return found


def _scale_and_zero(low: float, high: float) -> tuple[np.float32, np.uint8]:
    low, high = min(low, 0.0), max(high, 0.0)  # zero is exact: convolutions pad with it
    scale = np.float32((high - low) / _STEPS) or np.float32(1)
    return scale, np.uint8(round(-low / float(scale)))


def _quantised_layer(
    node: NodeProto, floats: dict[str, TensorProto], scale: np.float32
) -> dict[str, list[TensorProto]]:
    """Weight and bias of a convolution whose input has this scale, by name, each as integers, scales and zeros."""
    weight, bias = (numpy_helper.to_array(floats[name]).astype(np.float64) for name in node.input[1:])
    largest = np.abs(weight).max(axis=(1, 2, 3)) / _LARGEST_WEIGHT
    fitting = np.abs(bias) / (float(scale) * _LARGEST_BIAS)
    per_channel = np.maximum(largest, fitting)
    per_channel = np.where(per_channel > 0, per_channel, 1.0).astype(np.float32)
    of_bias = per_channel * scale
    weight_name, bias_name = node.input[1:]
    return {
        weight_name: _stored(weight_name, _rounded(weight / per_channel[:, None, None, None]), per_channel),
        bias_name: _stored(bias_name, np.rint(bias / of_bias).astype(np.int32), of_bias),
    }


def _stored(name: str, values: NDArray[Any], scales: NDArray[np.float32]) -> list[TensorProto]:
    parameters = _parameters(name, scales, np.zeros(len(values), values.dtype))
    return [numpy_helper.from_array(values, _integers(name)), *parameters]


def _rounded(weight: NDArray[np.float64]) -> NDArray[np.int8]:
    """To integers, of which as many go the other way, the nearest to it first, as keeps the sum of each kernel."""
    kernels = weight.reshape(-1, weight.shape[2] * weight.shape[3])
    nearest = np.rint(kernels)
    error = kernels - nearest
    missing = np.rint(error.sum(axis=1, keepdims=True))
    rank = error.argsort(axis=1).argsort(axis=1)
    moved = nearest + (rank >= kernels.shape[1] - missing) - (rank < -missing)
    integers: NDArray[np.int8] = moved.clip(-_LARGEST_WEIGHT, _LARGEST_WEIGHT).astype(np.int8)
    return integers.reshape(weight.shape)


def _place(twin: onnx.GraphProto, source: onnx.GraphProto, activations: _Activations) -> None:
    """The nodes of the source, with a pair behind each tensor of these, which all who read it read it from."""
    twin.node.extend(node for tensor in source.input if tensor.name in activations for node in _pair(tensor.name))
    for node in source.node:
        reading = NodeProto()
        reading.CopyFrom(node)
        reading.input[:] = [_dequantised(name) if name in activations else name for name in node.input]
        twin.node.append(reading)
        twin.node.extend(pair for name in node.output if name in activations for pair in _pair(name))


def _pair(name: str) -> tuple[NodeProto, NodeProto]:
    """To integers and back."""
    parameters = [f"{name}.scale", f"{name}.zero_point"]
    there = helper.make_node("QuantizeLinear", [name, *parameters], [_integers(name)], f"{name}.quantize")
    return there, _dequantise(name, _dequantised(name))


def _dequantise(name: str, given: str, axis: int | None = None) -> NodeProto:
    inputs = [_integers(name), f"{name}.scale", f"{name}.zero_point"]
    return helper.make_node("DequantizeLinear", inputs, [given], f"{name}.dequantize", axis=axis)


def _parameters(name: str, scale: ArrayLike, zero: ArrayLike) -> list[TensorProto]:
    values = {f"{name}.scale": scale, f"{name}.zero_point": zero}
    return [numpy_helper.from_array(np.asarray(value), key) for key, value in values.items()]


def _integers(name: str) -> str:
    return f"{name}.quantized"


def _dequantised(name: str) -> str:
    return f"{name}.dequantized"
