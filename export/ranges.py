"""The part of a graph that is worth quantising, and how large the values are that flow through it.

That part begins behind the front end, whose decibels need float32, and ends where the picture becomes an embedding:
so few operations follow that nothing would be won.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.utils import Extractor

from contract.bundle import INPUT, OUTPUTS
from contract.errors import EarshotError

Ranges: TypeAlias = dict[str, tuple[float, float]]
"""Smallest and largest value of each tensor."""

_NETWORK = "network."  # how weights behind the front end are called
_SHAPED_ALIKE = {"Relu", "MaxPool", "AveragePool", "Add"}
_BATCH = 16
_FEWEST = 16  # clips; with 25 the answers are already those of 500


class QuantisationError(EarshotError):
    """A graph cannot be quantised; the message says what is missing."""


@dataclass(frozen=True)
class Trunk:
    """Convolutions and what stands between them, in the order in which they run."""

    features: str
    """What they begin with: the spectrogram."""
    nodes: tuple[onnx.NodeProto, ...]
    """Without the ReLUs: the range of what follows one says the same."""
    behind_relu: dict[str, str]
    """From what a node gives to what becomes of it in a ReLU."""

    @classmethod
    def of(cls, graph: onnx.ModelProto) -> "Trunk":
        """The trunk of a graph that `folded_graph` made."""
        constants = {tensor.name for tensor in graph.graph.initializer}
        features = _features(graph)
        inside, nodes, behind_relu = {features}, [], {}
        for node in graph.graph.node:
            if not (node.op_type in _SHAPED_ALIKE or is_layer(node)):
                continue
            if not inside.issuperset(name for name in node.input if name not in constants):
                continue
            inside.update(node.output)
            if node.op_type == "Relu":
                behind_relu[node.input[0]] = node.output[0]
            else:
                nodes.append(node)
        return cls(features, tuple(nodes), behind_relu)

    @property
    def layers(self) -> dict[str, onnx.NodeProto]:
        """Convolutions by the path of their module, such as layer1.block1.conv1."""
        return {layer_name(node): node for node in self.nodes if node.op_type == "Conv"}

    def given_by(self, node: onnx.NodeProto) -> str:
        """The tensor that others read of it."""
        given = str(node.output[0])
        return self.behind_relu.get(given, given)


def is_layer(node: onnx.NodeProto) -> bool:
    """Whether this is a convolution of the network; the front end may have some too."""
    return node.op_type == "Conv" and str(node.input[1]).startswith(_NETWORK)


def layer_name(node: onnx.NodeProto) -> str:
    """The path of the module that this convolution was."""
    return str(node.input[1]).removeprefix(_NETWORK).removesuffix(".weight")


def measure_ranges(graph: onnx.ModelProto, calibration: NDArray[np.float32]) -> Ranges:
    """The range of every tensor that may be quantised, over these waveforms [clips, samples]."""
    if len(calibration) < _FEWEST:
        raise QuantisationError(f"{len(calibration)} clips are too few to calibrate on: give {_FEWEST} or more")
    trunk = Trunk.of(graph)
    names = [trunk.given_by(node) for node in trunk.nodes]
    network = network_of(graph)
    del network.graph.output[:]
    network.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    spectrograms = features_of(graph, calibration)
    ranges = {trunk.features: (float(spectrograms.min()), float(spectrograms.max()))}
    for values in answers(network, spectrograms):
        for name, value in zip(names, values, strict=True):
            low, high = ranges.get(name, (np.inf, -np.inf))
            ranges[name] = float(np.minimum(low, value.min())), float(np.maximum(high, value.max()))  # passes NaN on
    if broken := [name for name, bounds in ranges.items() if not np.isfinite(bounds).all()]:
        raise QuantisationError(
            f"values that are no numbers flow through {broken[0]}: is the calibration audio sound?"
        )
    return ranges


def features_of(graph: onnx.ModelProto, waves: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the front end makes of waveforms [clips, samples]: computed once, asked of many times."""
    front_end = Extractor(graph).extract_model([INPUT], [_features(graph)])
    return np.concatenate([values[0] for values in answers(front_end, waves)])


def network_of(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without its front end."""
    return Extractor(graph).extract_model([_features(graph)], list(OUTPUTS))


def answers(graph: onnx.ModelProto, inputs: NDArray[np.float32]) -> Iterator[list[NDArray[Any]]]:
    """Every output of a graph with one input, batch after batch."""
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for start in range(0, len(inputs), _BATCH):
        yield session.run(None, {graph.graph.input[0].name: inputs[start : start + _BATCH]})


def _features(graph: onnx.ModelProto) -> str:
    first = next((node for node in graph.graph.node if is_layer(node)), None)
    if first is None or any(node.op_type == "BatchNormalization" for node in graph.graph.node):
        raise QuantisationError(
            "only a graph with batch norms folded into convolutions can be quantised: folded_graph"
        )
    return str(first.input[0])
