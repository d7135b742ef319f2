"""Graphs of a few nodes, in ONNX: what somebody may bring who has no bundle."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Axis = int | str


def save_graph(
    path: Path,
    *,
    batch: Axis = "batch",
    samples: Axis = "samples",
    classes: int = 3,
    says_classes: bool = True,
    outputs: tuple[str, ...] = ("scores",),
    kind: int = TensorProto.FLOAT,
) -> Path:
    """A graph whose scores are the mean of the waveform times 0, 1, 2 …; each further output has one number more."""
    nodes, constants, values = [], [], []
    for more, name in enumerate(outputs):
        weights = np.arange(classes + more, dtype=helper.tensor_dtype_to_np_dtype(kind)).reshape(1, -1)
        constants.append(numpy_helper.from_array(weights, f"weights-{name}"))
        nodes.append(helper.make_node("Mul", ["mean", f"weights-{name}"], [name]))
        width: Axis = classes + more if says_classes else f"classes-{name}"
        values.append(helper.make_tensor_value_info(name, kind, [batch, width]))
    constants.append(numpy_helper.from_array(np.array([1]), "axes"))
    mean = helper.make_node("ReduceMean", ["sound", "axes"], ["mean"], keepdims=1)
    sound = helper.make_tensor_value_info("sound", kind, [batch, samples])
    graph = helper.make_graph([mean, *nodes], "mean", [sound], values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path
