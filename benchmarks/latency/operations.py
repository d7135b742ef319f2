"""What a graph has to compute and to touch, counted: the multiplications of its convolutions and products, and bytes.

Counted by what stands in the graph, so a form of the front end that needs fewer multiplications has a lower floor.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from benchmarks.latency.halves import with_shapes

BYTES_OF = {"int8": 1, "float16": 2, "float32": 4}
"""By precision, as engines hold a number while they compute."""

_PRECISION_OF: dict[int, str] = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16"}
_COUNTED = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True)
class Work:
    """Of one clip."""

    macs: dict[str, float]
    """Multiplications, each with its addition, by precision."""
    weight_bytes: float
    """Touched once for a whole batch."""
    value_bytes: float
    """Of what goes in and of what each convolution and product gives, touched once."""

    @property
    def all_macs(self) -> float:
        """In any precision."""
        return sum(self.macs.values())


class _Layer(NamedTuple):
    macs: int
    precision: str
    weights: int
    """Numbers that it reads besides what was heard."""
    outputs: int


def count(graph: ModelProto) -> Work:
    """The work of this graph for one clip; additions, activations and rounding are taken to cost nothing."""
    tensors = _Tensors(with_shapes(graph, batch=1))
    layers = [tensors.layer(node) for node in graph.graph.node if node.op_type in _COUNTED]
    macs: dict[str, float] = {}
    for layer in layers:
        macs[layer.precision] = macs.get(layer.precision, 0) + layer.macs
    weights = sum(layer.weights * BYTES_OF[layer.precision] for layer in layers)
    values = sum(layer.outputs * BYTES_OF[layer.precision] for layer in layers)
    heard = sum(math.prod(tensors.shape(value.name)) for value in graph.graph.input)
    return Work(macs, weights, values + heard * BYTES_OF["float32"])


class _Tensors:
    """Shapes, types and makers of all tensors of a graph."""

    def __init__(self, graph: ModelProto) -> None:
        values: Iterator[ValueInfoProto] = (
            value for group in (graph.graph.value_info, graph.graph.input, graph.graph.output) for value in group
        )
        self._values = {value.name: value.type.tensor_type for value in values}
        self._weights = {tensor.name: tensor for tensor in graph.graph.initializer}
        self._makers = {name: node for node in graph.graph.node for name in node.output}
        self._fixed = set(self._weights)
        for node in graph.graph.node:
            if self._fixed.issuperset(filter(None, node.input)):
                self._fixed.update(node.output)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor."""
        if name in self._weights:
            return tuple(self._weights[name].dims)
        return tuple(size.dim_value for size in self._values[name].shape.dim)

    def layer(self, node: NodeProto) -> _Layer:
        """What this node costs."""
        outputs = math.prod(self.shape(node.output[0]))
        weights = sum(math.prod(self.shape(name)) for name in node.input if name in self._fixed)
        return _Layer(outputs * self._terms(node), self._precision(node), weights, outputs)

    def _terms(self, node: NodeProto) -> int:
        """Products that are summed up to one number."""
        if node.op_type == "Conv":
            return math.prod(self.shape(node.input[1])[1:])
        left = self.shape(node.input[0])
        flags = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        return left[0] if flags.get("transA") else left[-1]

    def _precision(self, node: NodeProto) -> str:
        if all(self._is_quantised(name) for name in node.input[:2]):
            return "int8"
        return _PRECISION_OF[self._values[node.output[0]].elem_type]

    def _is_quantised(self, name: str) -> bool:
        return name in self._makers and self._makers[name].op_type == "DequantizeLinear"
