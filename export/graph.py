"""One graph from waveform to scores, front end included, as ONNX: what every engine runs.

Input `waveform` [batch, samples] as float32 between −1 and 1; outputs `logits` [batch, classes] and `embedding`
[batch, width], float32 in every precision. Opset 18, standard operators only, any batch size.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from contract.bundle import INPUT, OUTPUTS
from training.data.cache import FULL_SCALE
from training.half import HalfClassifier, fold_batch_norms
from training.model import Classifier

OPSET = 18  # the oldest that the exporter writes: what runs it is everywhere

_BATCH = torch.export.Dim("batch", min=1)
_EXAMPLES = 2  # a batch of one would be taken for a constant
_WORTH_PACKING = 1024  # elements; smaller tensors stay readable
_LARGEST_FOLDED = 65536  # elements: larger constants are cheaper to compute at load than to carry in the file


def float_graph(model: Classifier, window_samples: int) -> onnx.ModelProto:
    """The model in float32, in the form that is fastest on a CPU.

    Batch norms stand as they were trained: engines fold them at load, and weights that are kept as float16 are stored
    as such, without loss and in half the bytes.
    """
    return _packed(_graph(Classifier(model.frontend.exportable("cpu"), model.network), window_samples))


def folded_graph(model: Classifier, window_samples: int) -> onnx.ModelProto:
    """The same with batch norms folded into the convolutions: what is quantised."""
    return _graph(Classifier(model.frontend.exportable("cpu"), fold_batch_norms(model.network)), window_samples)


def half_graph(model: Classifier, window_samples: int) -> onnx.ModelProto:
    """The network in float16, in the form that is fastest on a GPU: the source of a TensorRT engine."""
    return _graph(HalfClassifier(Classifier(model.frontend.exportable("gpu"), model.network)), window_samples)


def taking_pcm16(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph for 16-bit PCM: half the bytes cross the bus, and the answers are the same."""
    twin = onnx.ModelProto()
    twin.CopyFrom(graph)
    for node in twin.graph.node:
        node.input[:] = [f"{INPUT}.float" if name == INPUT else name for name in node.input]
    twin.graph.input[0].type.tensor_type.elem_type = TensorProto.INT16
    scale = numpy_helper.from_array(np.array(1 / FULL_SCALE, np.float32), f"{INPUT}.scale")
    twin.graph.initializer.append(scale)
    twin.graph.node.insert(0, helper.make_node("Cast", [INPUT], [f"{INPUT}.cast"], to=TensorProto.FLOAT))
    twin.graph.node.insert(1, helper.make_node("Mul", [f"{INPUT}.cast", scale.name], [f"{INPUT}.float"]))
    return twin


def with_metadata(graph: onnx.ModelProto, facts: dict[str, str]) -> onnx.ModelProto:
    """The same graph with these facts in it, so that the file alone says what it is."""
    twin = onnx.ModelProto()
    twin.CopyFrom(graph)
    helper.set_model_props(twin, facts)
    return twin


def _graph(model: nn.Module, window_samples: int) -> onnx.ModelProto:
    window = torch.zeros(_EXAMPLES, window_samples)
    with _quiet_exporter():
        program = torch.onnx.export(
            model.eval(),
            (window,),
            dynamo=True,
            optimize=False,
            opset_version=OPSET,
            dynamic_shapes=({0: _BATCH},),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("the exporter gave nothing")
    onnxscript.optimizer.fold_constants(program.model, output_size_limit=_LARGEST_FOLDED)
    onnxscript.optimizer.remove_unused_nodes(program.model)
    graph = program.model_proto
    _forget_origins(graph)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _packed(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Weights that are float16 numbers in float32 clothes, stored as float16 with a cast that is done at load."""
    casts = []
    for tensor in graph.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < _WORTH_PACKING:
            continue
        halves = weights.astype(np.float16)
        if not np.array_equal(halves.astype(np.float32), weights):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


def _forget_origins(graph: onnx.ModelProto) -> None:
    """The exporter notes down source lines and stack traces; the file shall say what it is, not where it was made."""
    everything = (graph.graph.node, graph.graph.value_info, graph.graph.input, graph.graph.output)
    for item in (graph, graph.graph, *(item for items in everything for item in items)):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    for tensor in graph.graph.initializer:
        tensor.ClearField("metadata_props")


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """It warns of packages that are not needed here and of its own future."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            yield
    finally:
        logger.setLevel(level)
