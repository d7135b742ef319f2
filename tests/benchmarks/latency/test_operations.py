"""Work is counted as one would by hand, and as training counts it."""

import onnx
import pytest
from onnx import helper

from benchmarks.latency.halves import cut
from benchmarks.latency.operations import count
from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, find_bundle, read_manifest
from tests.benchmarks.latency.graphs import graph_of

node = helper.make_node


def test_a_convolution_counts_every_product_of_every_output() -> None:
    """Groups of two inputs, a kernel of three by five, a stride of two: 8 outputs on 4 by 5 places."""
    conv = node(
        "Conv", ["waveform", "w"], ["logits"], kernel_shape=[3, 5], strides=[2, 2], pads=[1, 2, 1, 2], group=2
    )
    work = count(graph_of([conv], ["batch", 4, 8, 10], ["batch", 8, 4, 5], w=(8, 2, 3, 5)))
    assert work.macs == {"float32": 8 * 4 * 5 * 2 * 3 * 5}
    assert work.weight_bytes == 4 * 8 * 2 * 3 * 5
    assert work.value_bytes == 4 * (4 * 8 * 10 + 8 * 4 * 5)


@pytest.mark.parametrize(("swapped", "shape"), [(0, (6, 7)), (1, (7, 6))])
def test_a_last_layer_counts_its_weights(swapped: int, shape: tuple[int, int]) -> None:
    gemm = node("Gemm", ["waveform", "w", "b"], ["logits"], transB=swapped)
    work = count(graph_of([gemm], ["batch", 6], ["batch", 7], w=shape, b=(7,)))
    assert work.macs == {"float32": 6 * 7}
    assert work.weight_bytes == 4 * (6 * 7 + 7)


def test_a_product_counts_whichever_side_is_fixed() -> None:
    matmul = node("MatMul", ["w", "waveform"], ["logits"])
    work = count(graph_of([matmul], ["batch", 3, 5], ["batch", 2, 5], w=(2, 3)))
    assert work.macs == {"float32": 2 * 5 * 3}
    assert work.weight_bytes == 4 * 2 * 3


def test_what_stands_between_integers_is_counted_as_integers() -> None:
    """And weights that are made when the graph is loaded are weights all the same."""
    scale = ["scale", "zero_int8"]
    nodes = [
        node("QuantizeLinear", ["waveform", *scale], ["q"]),
        node("DequantizeLinear", ["q", *scale], ["heard"]),
        node("DequantizeLinear", ["w_int8", *scale], ["weights"]),
        node("MatMul", ["heard", "weights"], ["logits"]),
    ]
    work = count(graph_of(nodes, ["batch", 3], ["batch", 2], w_int8=(3, 2), scale=(), zero_int8=()))
    assert work.macs == {"int8": 3 * 2}
    assert work.weight_bytes == 3 * 2
    assert work.value_bytes == 4 * 3 + 2


@pytest.mark.parametrize("bundle", ["esc50-resnet", "esc10-resnet"])
@pytest.mark.parametrize(("file", "front_end"), [(FLOAT_GRAPH, 19.5e6), (INT8_GRAPH, 19.5e6), (HALF_GRAPH, 278e6)])
def test_the_shipped_networks_cost_what_their_manifest_says(bundle: str, file: str, front_end: float) -> None:
    folder = find_bundle(bundle)
    graph = onnx.load(folder / file)
    halves = cut(graph)
    network = count(halves.network)
    assert network.all_macs == read_manifest(folder).model.multiply_accumulates
    assert count(halves.front_end).macs == {"float32": pytest.approx(front_end, rel=0.01)}
    assert count(graph).all_macs == network.all_macs + count(halves.front_end).all_macs
    most = {FLOAT_GRAPH: "float32", INT8_GRAPH: "int8", HALF_GRAPH: "float16"}[file]
    assert network.macs[most] > 0.99 * network.all_macs
