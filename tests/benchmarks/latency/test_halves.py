"""A graph that is cut says in two what it said in one."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, helper

from benchmarks.latency.halves import cut, picture_of
from contract.audio import decode, fit
from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INPUT, INT8_GRAPH, find_bundle
from contract.errors import EarshotError
from tests.benchmarks.latency.graphs import graph_of

ESC50 = find_bundle("esc50-resnet")


def asked(graph: ModelProto, given: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    answers: list[np.ndarray] = session.run(None, {session.get_inputs()[0].name: given})
    return answers


@pytest.mark.parametrize("file", [FLOAT_GRAPH, INT8_GRAPH, HALF_GRAPH])
def test_both_halves_of_a_shipped_graph_are_the_whole_for_real_clips(file: str, esc10_mini: Path) -> None:
    graph = onnx.load(ESC50 / file)
    paths = sorted((esc10_mini / "audio").iterdir())[::20]
    waves = np.stack([fit(decode(path, 32_000), 160_000) for path in paths])
    halves = cut(graph)
    (picture,) = asked(halves.front_end, waves)
    assert picture.dtype == np.float32
    assert picture.shape == (2, 1, 128, 249)
    assert picture.std() > 0.1
    for whole, apart in zip(asked(graph, waves), asked(halves.network, picture), strict=True):
        assert whole.std() > 0.1
        np.testing.assert_allclose(apart, whole, atol=2e-3)


def test_a_graph_of_other_names_stays_whole() -> None:
    conv = helper.make_node("Conv", [INPUT, "w"], ["logits"])
    with pytest.raises(EarshotError, match="stays whole"):
        picture_of(graph_of([conv], ["batch", 1, 4, 4], ["batch", 1, 4, 4], w=(1, 1, 1, 1)))


def test_a_network_that_hears_more_than_the_picture_stays_whole() -> None:
    nodes = [
        helper.make_node("Relu", [INPUT], ["picture"]),
        helper.make_node("Conv", ["picture", "network.w"], ["seen"]),
        helper.make_node("Add", ["seen", INPUT], ["logits"]),
    ]
    graph = graph_of(nodes, ["batch", 1, 4, 4], ["batch", 1, 4, 4], network__w=(1, 1, 1, 1))
    assert picture_of(graph) == "picture"
    with pytest.raises(EarshotError, match="not all that the network hears"):
        cut(graph)
