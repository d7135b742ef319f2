"""The exported graphs: what they take, what they give, and that they stand alone."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from contract.bundle import INPUT, OUTPUTS
from export.graph import (
    OPSET,
    float_graph,
    folded_graph,
    half_graph,
    taking_pcm16,
    with_metadata,
)
from export.session import Session
from tests.training.conftest import TINY
from training.checkpoint import build_classifier, with_half_weights
from training.model import Classifier

SAMPLES = TINY.audio.window_samples


@pytest.fixture(scope="module")
def model() -> Classifier:
    """Untrained, but with statistics in its batch norms, as training leaves them."""
    torch.manual_seed(0)
    model = build_classifier(TINY, 4)
    for module in model.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    model.frontend.mean.fill_(-40)
    model.frontend.std.fill_(15)
    return with_half_weights(model).eval()


@pytest.fixture(scope="module")
def graphs(model: Classifier) -> dict[str, onnx.ModelProto]:
    return {
        "float": float_graph(model, SAMPLES),
        "folded": folded_graph(model, SAMPLES),
        "half": half_graph(model, SAMPLES),
    }


def pcm(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).integers(-9000, 9000, (batch, SAMPLES), dtype=np.int16)


def waves(batch: int) -> np.ndarray:
    return (pcm(batch) / 2.0**15).astype(np.float32)


def wanted(model: Classifier, batch: int) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        output = model(torch.from_numpy(waves(batch)))
    return output.logits.numpy(), output.embedding.numpy()


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
@pytest.mark.parametrize(("name", "tolerance"), [("float", 1e-4), ("folded", 1e-4), ("half", 2e-2)])
def test_answers_are_those_of_the_model_at_any_batch(
    model: Classifier, graphs: dict[str, onnx.ModelProto], name: str, tolerance: float, batch: int
) -> None:
    logits, embedding = Session(graphs[name], threads=1)(waves(batch))
    expected = wanted(model, batch)
    assert logits.dtype == embedding.dtype == np.float32
    np.testing.assert_allclose(logits, expected[0], atol=tolerance)
    np.testing.assert_allclose(embedding, expected[1], atol=tolerance)


@pytest.mark.parametrize("name", ["float", "folded", "half"])
def test_only_standard_operators_names_and_no_traces_of_where_it_was_made(
    graphs: dict[str, onnx.ModelProto], name: str
) -> None:
    graph = graphs[name]
    onnx.checker.check_model(graph, full_check=True)
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", OPSET)]
    assert not graph.functions
    assert {node.domain for node in graph.graph.node} == {""}
    assert [value.name for value in graph.graph.input] == [INPUT]
    assert [value.name for value in graph.graph.output] == list(OUTPUTS)
    assert b"/training/" not in graph.SerializeToString()


def test_pcm16_gives_the_same_answers_bit_for_bit(graphs: dict[str, onnx.ModelProto]) -> None:
    for graph in graphs.values():
        variant = taking_pcm16(graph)
        onnx.checker.check_model(variant, full_check=True)
        expected, found = Session(graph, threads=1)(waves(3)), Session(variant, threads=1)(pcm(3))
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_float16_weights_are_stored_as_such_and_others_as_they_are(model: Classifier) -> None:
    stored = {tensor.name: tensor.data_type for tensor in float_graph(model, SAMPLES).graph.initializer}
    assert stored["network.layer3.block1.conv1.weight.half"] == TensorProto.FLOAT16
    with torch.no_grad():
        model.network.get_parameter("layer3.block1.conv1.weight")[0, 0, 0, 0] = 1 / 3
    stored = {tensor.name: tensor.data_type for tensor in float_graph(model, SAMPLES).graph.initializer}
    assert stored["network.layer3.block1.conv1.weight"] == TensorProto.FLOAT


def test_the_front_end_stays_float32_and_the_network_is_half(graphs: dict[str, onnx.ModelProto]) -> None:
    types = {tensor.name: tensor.data_type for tensor in graphs["half"].graph.initializer}
    convolutions = {node.input[1] for node in graphs["half"].graph.node if node.op_type == "Conv"}
    network = {name for name in convolutions if name.startswith("network.")}
    assert len(network) >= 7
    assert {types[name] for name in network} == {TensorProto.FLOAT16}
    frontend = {kind for name, kind in types.items() if name.startswith("frontend.")}
    assert TensorProto.FLOAT in frontend
    assert TensorProto.FLOAT16 not in frontend


def test_the_file_says_what_it_is(graphs: dict[str, onnx.ModelProto]) -> None:
    told = with_metadata(graphs["float"], {"name": "tiny", "labels": '["a"]'})
    assert {entry.key: entry.value for entry in told.metadata_props} == {"name": "tiny", "labels": '["a"]'}
    assert not graphs["float"].metadata_props
