"""INT8 says what float32 says, in integers where they pay, in a file that any engine reads."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from torch import nn

from contract.bundle import INPUT, OUTPUTS
from export.graph import float_graph, folded_graph
from export.int8 import quantise
from export.ranges import QuantisationError, Ranges, Trunk, measure_ranges
from export.sensitivity import sensitivity
from tests.training.conftest import TINY
from training.checkpoint import build_classifier
from training.material import Material, Sounds, load_sounds
from training.model import Classifier
from training.recipe import Recipe

SAMPLES = TINY.audio.window_samples
CLASSES = 4
LAYERS = [
    "stem.conv",
    "layer1.block1.conv1",
    "layer1.block1.conv2",
    *(f"layer2.block1.{name}" for name in ("conv1", "conv2", "shortcut.conv")),
    "layer2.block2.conv1",
    "layer2.block2.conv2",
    *(f"layer3.block1.{name}" for name in ("conv1", "conv2", "shortcut.conv")),
]


@pytest.fixture(scope="module")
def material(esc10_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    sounds: Sounds = load_sounds(esc10_mini, TINY, cache_folder=tmp_path_factory.mktemp("cache"))
    return sounds.split(frozenset({1}))


@pytest.fixture(scope="module")
def calibration(material: Material) -> NDArray[np.float32]:
    return waves(material.train.samples[material.train.windows])


@pytest.fixture(scope="module")
def probe(material: Material) -> NDArray[np.float32]:
    return waves(material.held_out.samples[material.held_out.windows])


@pytest.fixture(scope="module")
def model(calibration: NDArray[np.float32]) -> Classifier:
    model = like_a_trained_one({"widths": [16, 32, 48], "blocks": [1, 2, 1]}, calibration)
    state = model.state_dict()
    state["network.layer2.block2.bn1.weight"][3] = 0.0  # a dead channel: only its bias is left
    state["network.layer2.block2.bn1.bias"][3] = 2.0
    return model


@pytest.fixture(scope="module")
def graph(model: Classifier) -> onnx.ModelProto:
    return folded_graph(model, SAMPLES)


@pytest.fixture(scope="module")
def ranges(graph: onnx.ModelProto, calibration: NDArray[np.float32]) -> Ranges:
    return measure_ranges(graph, calibration)


@pytest.fixture(scope="module")
def quantised(graph: onnx.ModelProto, ranges: Ranges) -> onnx.ModelProto:
    return quantise(graph, ranges)


def waves(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return samples.astype(np.float32) / np.float32(32768)


def like_a_trained_one(shape: dict[str, object], calibration: NDArray[np.float32], **front_end: object) -> Classifier:
    """Drawn at random, with normalisations that fit, and blocks that do something."""
    torch.manual_seed(0)
    described = TINY.model_dump()
    recipe = Recipe.model_validate(described | {"model": shape, "front_end": described["front_end"] | front_end})
    model = build_classifier(recipe, CLASSES)
    batch = torch.from_numpy(calibration)
    model.frontend.fit_normalisation([batch])
    for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        norm.momentum = None
    with torch.no_grad():
        model.train()(batch)
    return model.eval()


def run(graph: onnx.ModelProto, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    logits, embedding = session.run(list(OUTPUTS), {INPUT: inputs})
    return logits, embedding


def relative_error(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.square(found - wanted).mean() / wanted.var()))


def tensors(graph: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}


def weights(graph: onnx.ModelProto, layer: str) -> NDArray[np.float64]:
    """As they are computed with, stored in whatever way."""
    stored, name = tensors(graph), f"network.{layer}.weight"
    if name in stored:
        return stored[name].astype(np.float64)
    scaled: NDArray[np.float64] = stored[f"{name}.quantized"] * stored[f"{name}.scale"][:, None, None, None]
    return scaled.astype(np.float64)


def test_the_file_is_plain_onnx(graph: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
    onnx.checker.check_model(quantised, full_check=True)
    assert {node.domain for node in quantised.graph.node} <= {"", "ai.onnx"}
    assert [(opset.domain, opset.version) for opset in quantised.opset_import] == [("", 18)]
    assert list(quantised.graph.input) == list(graph.graph.input)
    assert list(quantised.graph.output) == list(graph.graph.output)
    assert {port.type.tensor_type.elem_type for port in quantised.graph.output} == {TensorProto.FLOAT}
    assert quantised.graph.output[0].type.tensor_type.shape.dim[0].dim_param
    assert not quantised.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in quantised.graph.node)


def test_it_is_less_than_half_as_large(graph: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
    assert quantised.ByteSize() < graph.ByteSize() / 2


def test_the_float_graph_is_left_as_it_is(graph: onnx.ModelProto, ranges: Ranges) -> None:
    before = graph.SerializeToString()
    quantise(graph, ranges)
    assert graph.SerializeToString() == before


def test_weights_are_signed_per_channel_and_leave_room_for_two_products(
    graph: onnx.ModelProto, quantised: onnx.ModelProto
) -> None:
    assert list(Trunk.of(graph).layers) == LAYERS
    stored = tensors(quantised)
    for layer in LAYERS:
        integers = stored[f"network.{layer}.weight.quantized"]
        assert integers.dtype == np.int8
        assert 255 * 2 * np.abs(integers.astype(int)).max() < 2**15
        assert stored[f"network.{layer}.weight.scale"].shape == integers.shape[:1]
        assert stored[f"network.{layer}.bias.quantized"].dtype == np.int32
    large = [name for name, values in stored.items() if values.dtype == np.float32 and name.startswith("network.")]
    assert {name for name in large if not name.endswith(".scale")} == {"network.head.weight", "network.head.bias"}


def test_activations_are_unsigned_and_use_all_of_their_range_behind_a_relu(
    graph: onnx.ModelProto, quantised: onnx.ModelProto
) -> None:
    stored = tensors(quantised)
    behind = [node for node in quantised.graph.node if node.op_type == "QuantizeLinear"]
    zeros = {node.input[0]: stored[node.input[2]] for node in behind}
    assert {zero.dtype for zero in zeros.values()} == {np.dtype(np.uint8)}
    by_relu = {node.output[0] for node in graph.graph.node if node.op_type == "Relu"}
    assert len(zeros.keys() & by_relu) >= len(LAYERS) / 2
    assert all(zeros[name] == 0 for name in zeros.keys() & by_relu)


def test_the_front_end_is_untouched(graph: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
    def front_end(model: onnx.ModelProto) -> list[onnx.NodeProto]:
        nodes = [node for node in model.graph.node if not node.output[0].startswith("network.")]
        end = next(i for i, node in enumerate(nodes) if Trunk.of(graph).features in node.output)
        return nodes[: end + 1]

    assert front_end(quantised) == front_end(graph)
    whole, without = tensors(graph), tensors(quantised)
    assert all(np.array_equal(without[name], whole[name]) for name in whole if not name.startswith("network."))


def test_rounding_keeps_the_sum_of_each_kernel(graph: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
    scales = tensors(quantised)
    for layer in LAYERS:
        off = (weights(quantised, layer) - weights(graph, layer)).sum(axis=(2, 3))
        steps = off / scales[f"network.{layer}.weight.scale"][:, None]
        assert np.quantile(np.abs(steps), 0.99) <= 0.51  # but where the largest weight would have had to grow


def test_answers_are_those_of_float32(
    graph: onnx.ModelProto, quantised: onnx.ModelProto, probe: NDArray[np.float32]
) -> None:
    for found, wanted in zip(run(quantised, probe), run(graph, probe), strict=True):
        assert found.dtype == np.float32
        assert relative_error(found, wanted) < 0.1


@pytest.mark.parametrize("batch", [1, 7])
def test_any_batch_gives_the_same_answers(quantised: onnx.ModelProto, probe: NDArray[np.float32], batch: int) -> None:
    logits, embedding = run(quantised, probe[:batch])
    assert logits.shape == (batch, CLASSES)
    assert embedding.shape == (batch, 48)
    assert relative_error(logits, run(quantised, probe)[0][:batch]) < 0.05


def test_an_engine_finds_integers_on_both_sides_of_everything(quantised: onnx.ModelProto, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(quantised.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    assert kinds["QLinearConv"] == len(LAYERS)
    assert kinds["QLinearAdd"] == 3  # the last sum of four is read in float32
    assert kinds["QLinearAveragePool"] == 2
    assert kinds["QuantizeLinear"] == 1
    assert kinds["DequantizeLinear"] == 2
    assert not {"Conv", "AveragePool"} & kinds.keys()


@pytest.mark.parametrize(
    ("shape", "front_end"),
    [
        ({"widths": [6, 9], "blocks": [1, 1], "inner": [[5], [7]], "stem": "conv1"}, {"kind": "mfcc", "n_mfcc": 20}),
        ({"widths": [8, 16], "blocks": [2, 1], "stem": "conv2"}, {}),
    ],
    ids=["odd widths of MFCCs", "no pooling"],
)
def test_other_shapes_of_networks(
    shape: dict[str, object],
    front_end: dict[str, object],
    calibration: NDArray[np.float32],
    probe: NDArray[np.float32],
) -> None:
    graph = folded_graph(like_a_trained_one(shape, calibration, **front_end), SAMPLES)
    quantised = quantise(graph, measure_ranges(graph, calibration))
    assert relative_error(run(quantised, probe)[0], run(graph, probe)[0]) < 0.1


def test_sensitivity_names_the_layers_that_cost_and_keeping_them_float_mends_it(
    model: Classifier, calibration: NDArray[np.float32], probe: NDArray[np.float32]
) -> None:
    graph = folded_graph(with_one_loud_channel(model, "layer2.block2"), SAMPLES)
    ranges = measure_ranges(graph, calibration)
    report = sensitivity(graph, ranges, probe)
    assert [layer.layer for layer in report] == LAYERS
    assert {layer.windows for layer in report} == {len(probe)}
    culprits = {"layer2.block2.conv1", "layer2.block2.conv2"}
    worst = sorted(report, key=lambda layer: -layer.rms_delta)
    assert {layer.layer for layer in worst[:2]} == culprits
    assert worst[1].rms_delta > 3 * worst[2].rms_delta
    wanted = run(graph, probe)[0]
    mended = quantise(graph, ranges, keep_float=culprits)
    assert f"network.{LAYERS[6]}.weight" in tensors(mended)
    broken = relative_error(run(quantise(graph, ranges), probe)[0], wanted)
    assert relative_error(run(mended, probe)[0], wanted) < broken / 2


def with_one_loud_channel(model: Classifier, block: str) -> Classifier:
    """The same function, but a channel within it is a thousand times louder than its neighbours."""
    twin = build_classifier(
        Recipe.model_validate(TINY.model_dump() | {"model": {"widths": [16, 32, 48], "blocks": [1, 2, 1]}}), CLASSES
    )
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name in ("bn1.weight", "bn1.bias"):
        state[f"network.{block}.{name}"][0] *= 1000
    state[f"network.{block}.conv2.weight"][:, 0] /= 1000
    twin.load_state_dict(state)
    return twin.eval()


def test_few_clips_do_not_calibrate(graph: onnx.ModelProto, calibration: NDArray[np.float32]) -> None:
    with pytest.raises(QuantisationError, match="3 clips are too few to calibrate on: give 16 or more"):
        measure_ranges(graph, calibration[:3])


def test_broken_audio_does_not_calibrate(graph: onnx.ModelProto, calibration: NDArray[np.float32]) -> None:
    broken = calibration.copy()
    broken[5, 1000:9000] = np.nan
    with pytest.raises(QuantisationError, match="no numbers"):
        measure_ranges(graph, broken)


def test_a_layer_that_is_not_there_cannot_be_kept(graph: onnx.ModelProto, ranges: Ranges) -> None:
    with pytest.raises(QuantisationError, match=r"no layer layer9 to keep in float32; there are stem\.conv, layer1"):
        quantise(graph, ranges, keep_float=["layer9"])


def test_batch_norms_must_be_folded(model: Classifier, calibration: NDArray[np.float32]) -> None:
    with pytest.raises(QuantisationError, match="folded_graph"):
        measure_ranges(float_graph(model, SAMPLES), calibration)
