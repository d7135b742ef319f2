"""What is served: a bare graph tells what it can, its owner the rest, and what does not fit is said in a sentence."""

import hashlib
import shutil
from pathlib import Path

import pytest
from onnx import TensorProto

from contract.bundle import BundleError
from service.model import ModelError, from_bundle, from_onnx, read_labels
from tests.service.conftest import ROOT
from tests.service.graphs import save_graph

ESC10 = ROOT / "bundles" / "esc10-resnet"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.onnx"


def test_a_bundle_says_all_that_is_needed() -> None:
    model = from_bundle(ESC10)
    assert (model.name, len(model.labels)) == ("esc10-resnet", 10)
    assert {graph.precision for graph in model.graphs} == {"float32", "float16", "int8"}
    assert model.reject_below is not None
    assert model.novelty_threshold is not None
    assert model.reference is not None


def test_a_bundle_that_was_changed_is_not_served(tmp_path: Path) -> None:
    shutil.copytree(ESC10, tmp_path / "mine")
    graph = tmp_path / "mine" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleError, match="SHA-256"):
        from_bundle(tmp_path / "mine")


def test_a_bare_graph_says_how_much_it_hears_and_how_many_classes_it_knows(path: Path) -> None:
    model = from_onnx(save_graph(path, samples=16_000, classes=12), 8_000)
    assert (model.name, model.sample_rate, model.window_samples, model.window_s) == ("mine", 8_000, 16_000, 2.0)
    assert model.labels[:2] == ("class_00", "class_01")
    assert len(model.labels) == 12
    assert model.graphs[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_nothing_is_uncertain_or_new_to_a_bare_graph(path: Path) -> None:
    model = from_onnx(save_graph(path), 8_000)
    assert (model.reject_below, model.novelty_threshold, model.reference, model.manifest) == (None, None, None, None)


def test_a_graph_that_leaves_its_length_open_hears_five_seconds(path: Path) -> None:
    assert from_onnx(save_graph(path), 8_000).window_samples == 40_000


def test_or_as_many_seconds_as_it_is_told(path: Path) -> None:
    assert from_onnx(save_graph(path), 8_000, window_s=0.5).window_samples == 4_000


def test_a_window_is_one_sample_at_least(path: Path) -> None:
    assert from_onnx(save_graph(path), 1, window_s=0.1).window_samples == 1


def test_classes_that_a_graph_does_not_declare_are_counted(path: Path) -> None:
    assert len(from_onnx(save_graph(path, says_classes=False), 8_000).labels) == 3


@pytest.mark.parametrize("says_classes", [True, False])
def test_the_labels_must_be_as_many_as_the_classes(path: Path, says_classes: bool) -> None:
    save_graph(path, says_classes=says_classes)
    assert from_onnx(path, 8_000, ("a", "b", "c")).labels == ("a", "b", "c")
    with pytest.raises(ModelError, match="2 labels for 3 classes"):
        from_onnx(path, 8_000, ("a", "b"))


def test_the_scores_are_the_output_called_logits_wherever_it_stands(path: Path) -> None:
    save_graph(path, outputs=("embedding", "logits"))
    assert len(from_onnx(path, 8_000).labels) == 4


def test_without_such_a_name_the_scores_come_first(path: Path) -> None:
    save_graph(path, outputs=("scores", "features"))
    assert len(from_onnx(path, 8_000).labels) == 3


def test_what_is_not_there_is_said(path: Path) -> None:
    with pytest.raises(ModelError, match="no such ONNX file"):
        from_onnx(path, 8_000)


def test_without_a_sample_rate_it_says_how_to_give_one(path: Path) -> None:
    with pytest.raises(ModelError, match="--sample-rate"):
        from_onnx(save_graph(path), None)


def test_a_window_other_than_the_graphs_own_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match="hears 16000 samples at once, not 1 s at 8000 Hz"):
        from_onnx(save_graph(path, samples=16_000), 8_000, window_s=1)


@pytest.mark.parametrize("content", [b"", b"this is no graph", bytes(1000)])
def test_what_is_no_onnx_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot load it"):
        from_onnx(path, 8_000)


def test_a_graph_of_another_kind_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match="float waveforms"):
        from_onnx(save_graph(path, kind=TensorProto.DOUBLE), 8_000)


def test_a_graph_that_takes_only_whole_batches_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match="cannot name one window"):
        from_onnx(save_graph(path, batch=8), 8_000)


def test_labels_are_words_with_commas_between_them() -> None:
    assert read_labels("dog, rain , sea waves,") == ("dog", "rain", "sea waves")


def test_as_many_words_as_there_are_in_a_bundle_are_no_name_of_a_file() -> None:
    words = ",".join(f"label number {i}" for i in range(500))
    assert len(read_labels(words)) == 500


@pytest.mark.parametrize("text", ["dog\nrain\n\n  sea waves \n", '["dog", "rain", "sea waves"]'])
def test_labels_may_stand_in_a_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels"
    path.write_text(text)
    assert read_labels(str(path)) == ("dog", "rain", "sea waves")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'["dog", ', "is none"),
        (b"[" * 100_000, "is none"),
        (b'["dog", 1]', "more than labels"),
        (b"dog\nrain\ndog\n", "dog is there more than once"),
        (b"\n \n", "no labels"),
        (b"[]", "no labels"),
        (b"d\xf6g", "no text in UTF-8"),
    ],
)
def test_what_is_no_list_of_labels_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=sentence):
        read_labels(str(path))


@pytest.mark.parametrize("name", ["labels.txt", "labels.json"])
def test_a_file_of_labels_that_is_not_there_is_no_label(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_labels(str(tmp_path / name))
