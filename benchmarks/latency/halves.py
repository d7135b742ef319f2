"""Cuts a graph where the front end ends and the network begins, so that each can be timed alone.

The place is what the first layer of the network reads, which is known by the name of its weights. The graph that is
shipped is cut, whatever its precision; nothing is exported or quantised anew.
"""

from dataclasses import dataclass

import onnx
from onnx import ModelProto, NodeProto, helper, shape_inference
from onnx.utils import Extractor

from contract.bundle import INPUT
from contract.errors import EarshotError
from export.ranges import is_layer

_DISGUISES = ("QuantizeLinear", "DequantizeLinear", "Cast")
"""The picture in another type: the network asks for these, so they belong to it."""


@dataclass(frozen=True)
class Halves:
    """Two graphs that do together what one did."""

    front_end: ModelProto
    network: ModelProto


def cut(graph: ModelProto) -> Halves:
    """Both halves, for any batch size."""
    picture = picture_of(graph)
    known = with_shapes(graph, batch=1).graph.value_info
    kind = next(value.type.tensor_type for value in known if value.name == picture)
    sizes = ["batch", *[size.dim_value for size in kind.shape.dim[1:]]]
    whole = ModelProto()
    whole.CopyFrom(graph)
    del whole.graph.value_info[:]
    whole.graph.value_info.append(helper.make_tensor_value_info(picture, kind.elem_type, sizes))
    extractor = Extractor(whole)
    outputs = [output.name for output in graph.graph.output]
    halves = Halves(extractor.extract_model([INPUT], [picture]), extractor.extract_model([picture], outputs))
    try:
        onnx.checker.check_model(halves.network)
    except onnx.checker.ValidationError as error:
        raise EarshotError(f"{picture} is not all that the network hears: the graph stays whole") from error
    return halves


def picture_of(graph: ModelProto) -> str:
    """Name of what the front end has made of the waveform, as float32."""
    first = next((node for node in graph.graph.node if is_layer(node)), None)
    if first is None:
        raise EarshotError("no layer of the graph is called as those of the network: the graph stays whole")
    makers = {name: node for node in graph.graph.node for name in node.output}
    return _undisguised(first.input[0], makers)


def with_shapes(graph: ModelProto, batch: int) -> ModelProto:
    """A copy in which every tensor has its shape, for batches of this size."""
    twin = ModelProto()
    twin.CopyFrom(graph)
    del twin.graph.value_info[:]
    for value in (*twin.graph.input, *twin.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    return shape_inference.infer_shapes(twin, data_prop=True)


def _undisguised(name: str, makers: dict[str, NodeProto]) -> str:
    while name in makers and makers[name].op_type in _DISGUISES:
        name = makers[name].input[0]
    return name
