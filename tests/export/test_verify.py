"""A graph that does not do what its manifest says is named, in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract.bundle import Bundle, BundleError, fingerprint
from contract.manifest import Manifest, metadata_of
from export.graph import taking_pcm16, with_metadata
from export.verify import try_graphs
from tests.contract.manifests import smallest_manifest
from tests.export.conftest import linear_graph

SAMPLES, CLASSES, WIDTH = 100, 2, 8


def graph() -> onnx.ModelProto:
    """What a bundle promises, and no more."""
    return with_metadata(linear_graph(SAMPLES, CLASSES, WIDTH), metadata_of(Manifest.model_validate(content())))


def content() -> dict[str, Any]:
    """Of a manifest to which this graph belongs."""
    told = smallest_manifest()
    told["audio"]["window_samples"] = SAMPLES
    told["model"]["embedding"] = WIDTH
    return told


def bundle_of(folder: Path, **graphs: bytes) -> Bundle:
    """A bundle that says of these graphs what is true of `graph`."""
    for name, written in graphs.items():
        (folder / f"{name}.onnx").write_bytes(written)
    (folder / "card.md").write_text("# tiny")
    files = {path.name: fingerprint(path).model_dump() for path in sorted(folder.iterdir())}
    return Bundle(folder, Manifest.model_validate(content() | {"files": files}))


def refused(folder: Path, content: bytes) -> str:
    """What is said of a bundle with this graph beside one that is right."""
    with pytest.raises(BundleError) as caught:
        try_graphs(bundle_of(folder, fine=graph().SerializeToString(), strange=content))
    sentence = str(caught.value)
    assert sentence.startswith("strange.onnx ")
    assert "\n" not in sentence
    return sentence


def test_all_graphs_of_a_good_bundle_are_named(tmp_path: Path) -> None:
    content, pcm16 = graph().SerializeToString(), taking_pcm16(graph()).SerializeToString()
    tried = try_graphs(bundle_of(tmp_path, model=content, half=content, pcm16=pcm16))
    assert sorted(tried) == ["half.onnx", "model.onnx", "pcm16.onnx"]


@pytest.mark.parametrize(
    "change",
    [{"labels": ["rain", "dog"]}, {"version": "2"}, {"audio": {"sample_rate": 44100, "window_samples": SAMPLES}}],
)
def test_a_manifest_that_says_otherwise_than_its_graphs_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    whole = bundle_of(tmp_path, model=graph().SerializeToString())
    changed = Manifest.model_validate(whole.manifest.model_dump() | change)
    with pytest.raises(BundleError, match=r"model\.onnx and the manifest do not agree on"):
        try_graphs(Bundle(tmp_path, changed))


def other_input_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "sound"
    for node in model.graph.node:
        node.input[0] = "sound"


def no_input(model: onnx.ModelProto) -> None:
    name = model.graph.input[0].name
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, SAMPLES), np.float32), name))
    del model.graph.input[:]


def another_input_as_well(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("mood", TensorProto.FLOAT, [1]))


def input_of_text(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def input_of_several_tensors(model: onnx.ModelProto) -> None:
    several = helper.make_tensor_sequence_value_info(model.graph.input[0].name, TensorProto.FLOAT, None)
    model.graph.input[0].CopyFrom(several)


def other_window(model: onnx.ModelProto) -> None:
    model.CopyFrom(linear_graph(SAMPLES + 1, CLASSES, WIDTH))


def one_sound_at_a_time(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def other_output_name(model: onnx.ModelProto) -> None:
    model.graph.output[1].name = model.graph.node[1].output[0] = "vector"


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Guess"


def weights_that_lie_elsewhere(model: onnx.ModelProto) -> None:
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "weights.bin")
    model.graph.initializer[0].ClearField("raw_data")


@pytest.mark.parametrize(
    "change",
    [
        other_input_name, another_input_as_well, input_of_text, other_window, one_sound_at_a_time, other_output_name,
        unknown_operator, weights_that_lie_elsewhere,
    ],
)  # fmt: skip
def test_a_graph_that_cannot_be_asked_is_refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = graph()
    change(model)
    assert "does not run: " in refused(tmp_path, model.SerializeToString())


@pytest.mark.parametrize("change", [no_input, input_of_several_tensors])
def test_a_graph_that_takes_no_tensor_is_called_so(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = graph()
    change(model)
    assert refused(tmp_path, model.SerializeToString()) == "strange.onnx does not run: it takes no tensor"


@pytest.mark.parametrize("content", [b"", b"not a graph", graph().SerializeToString()[:-100]])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "does not run: " in refused(tmp_path, content)


@pytest.mark.parametrize(("classes", "width"), [(CLASSES + 1, WIDTH), (CLASSES, WIDTH - 1)])
def test_answers_of_another_shape_are_refused(tmp_path: Path, classes: int, width: int) -> None:
    sentence = refused(tmp_path, linear_graph(SAMPLES, classes, width).SerializeToString())
    assert f"answers with shapes ((1, {classes}), (1, {width})), which is not what the manifest says" in sentence


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_refused(tmp_path: Path, output: int, value: float) -> None:
    model = graph()
    weight = model.graph.initializer[output]
    weight.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(weight), value), weight.name))
    assert "answers silence with what is no number" in refused(tmp_path, model.SerializeToString())
