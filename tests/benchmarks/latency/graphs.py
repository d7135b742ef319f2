"""Graphs whose work is known."""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from contract.bundle import INPUT


def graph_of(
    nodes: list[NodeProto], heard: list[int | str], answer: list[int | str], **weights: tuple[int, ...]
) -> ModelProto:
    """From `waveform` of one shape to `logits` of another, by weights of ones; those called int8 are of that type."""
    tensors = [
        numpy_helper.from_array(np.ones(shape, np.int8 if "int8" in name else np.float32), name.replace("__", "."))
        for name, shape in weights.items()
    ]
    takes = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, heard)
    gives = helper.make_tensor_value_info("logits", TensorProto.FLOAT, answer)
    graph = helper.make_graph(nodes, "known", [takes], [gives], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
