"""The commands as a person types them: a real run becomes a bundle, and what is said when something is wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from contract.bundle import open_bundle
from contract.manifest import Manifest
from contract.reference import load_reference
from export.session import Session
from tests.training.test_commands import TINY_RECIPE, earshot
from training.checkpoint import load_model


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, esc10_mini: Path) -> Path:
    """A folder with a run that held fold 1 out, and the bundle that was made of it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "tiny.toml").write_text(TINY_RECIPE)
    earshot(folder, esc10_mini, "train", "tiny.toml", "--fold", "1", "--out", "run", "-s", "loop.epochs=20")
    earshot(folder, esc10_mini, "export", "run", "--out", "bundles/tiny", "--pcm16")
    return folder


@pytest.fixture
def bundle(home: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be damaged."""
    return Path(shutil.copytree(home / "bundles" / "tiny", tmp_path / "tiny"))


def manifest_of(folder: Path) -> Manifest:
    return open_bundle(folder).manifest


def test_a_bundle_holds_all_that_a_service_needs(home: Path) -> None:
    manifest = manifest_of(home / "bundles" / "tiny")
    assert set(manifest.files) == {
        "model.onnx", "model.int8.onnx", "model.fp16.onnx", "weights.safetensors", "reference.npz", "card.md",
        "ATTRIBUTION.md", "model.pcm16.onnx", "model.int8.pcm16.onnx", "model.fp16.pcm16.onnx",
    }  # fmt: skip
    assert manifest.name == "tiny"
    assert manifest.labels == ("dog", "rooster", "rain", "sneezing")
    assert manifest.held_out_folds == (1,)
    assert list(manifest.metrics) == ["1"]
    assert manifest.metrics["1"].windows == 8
    assert set(manifest.parity) == {"model.onnx", "model.int8.onnx", "model.fp16.onnx"}
    assert manifest.parity["model.onnx"].max_delta < 1e-3
    assert manifest.license.name == "CC BY 3.0"
    assert manifest.audio.window_samples == 80000
    assert 0.05 <= manifest.calibration.temperature <= 20
    assert manifest.sensitivity


def test_its_files_belong_together(home: Path) -> None:
    folder = home / "bundles" / "tiny"
    manifest = manifest_of(folder)
    model, facts = load_model(folder / "weights.safetensors")
    assert facts.labels == manifest.labels
    told = {entry.key: entry.value for entry in onnx.load_model(folder / "model.onnx").metadata_props}
    assert json.loads(told["labels"]) == list(manifest.labels)
    assert float(told["temperature"]) == manifest.calibration.temperature
    _, embedding = Session(onnx.load_model(folder / "model.onnx"))(np.zeros((1, 80000), np.float32))
    assert load_reference(folder / "reference.npz").distance(embedding).shape == (1,)
    assert sum(parameter.numel() for parameter in model.network.parameters()) == manifest.model.parameters


def test_the_card_says_what_was_measured(home: Path) -> None:
    folder = home / "bundles" / "tiny"
    manifest, card = manifest_of(folder), (folder / "card.md").read_text()
    assert f"**{100 * manifest.summary.accuracy:.2f} %**" in card
    assert f"temperature of {manifest.calibration.temperature:.3f}" in card
    assert "commercial use with attribution" in card
    for row in manifest.speed.rows:
        assert f"| {row.engine} | {row.milliseconds:.2f} |" in card


def test_show_and_verify(home: Path, esc10_mini: Path) -> None:
    shown = earshot(home, esc10_mini, "bundle", "show", "bundles/tiny")
    assert "dog, rooster, rain, sneezing" in shown
    assert "held-out fold 1" in shown
    printed = earshot(home, esc10_mini, "bundle", "show", "bundles/tiny", "--json")
    assert printed == (home / "bundles" / "tiny" / "manifest.json").read_text()
    assert "is whole: 10 files" in earshot(home, esc10_mini, "bundle", "verify", "bundles/tiny")


def test_verify_finds_damage(home: Path, esc10_mini: Path, bundle: Path) -> None:
    graph = bundle / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    said = earshot(home, esc10_mini, "bundle", "verify", str(bundle), status=1)
    assert "is damaged: model.onnx is" in said


def test_a_bundle_of_the_future_is_refused(home: Path, esc10_mini: Path, bundle: Path) -> None:
    content = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(content | {"schema_version": "2.0"}))
    for word in ("show", "verify"):
        assert "update Earshot" in earshot(home, esc10_mini, "bundle", word, str(bundle), status=1)


def test_a_bundle_is_not_overwritten_unasked(home: Path, esc10_mini: Path) -> None:
    before = manifest_of(home / "bundles" / "tiny")
    said = earshot(home, esc10_mini, "export", "run", "--out", "bundles/tiny", status=1)
    assert "is there already" in said
    assert "--force" in said
    assert manifest_of(home / "bundles" / "tiny") == before


def test_a_shipped_model_is_exported_again_in_the_place_of_its_bundle(
    home: Path, esc10_mini: Path, bundle: Path
) -> None:
    first = manifest_of(bundle)
    earshot(
        home, esc10_mini, "export", str(bundle), "--out", str(bundle), "--force", "--name", "other", "--version", "2",
        "--precision", "0.9", "--keep-float", "layer1.block1.conv1",
    )  # fmt: skip
    second = manifest_of(bundle)
    assert (second.name, second.version, second.calibration.precision_wanted) == ("other", "2", 0.9)
    assert "model.pcm16.onnx" not in second.files
    assert second.calibration.temperature == first.calibration.temperature
    assert second.parity["model.onnx"] == first.parity["model.onnx"]
    stored = {tensor.name for tensor in onnx.load_model(bundle / "model.int8.onnx").graph.initializer}
    assert "network.layer1.block1.conv1.weight" in stored
    assert list(bundle.parent.iterdir()) == [bundle]


def test_what_cannot_be_exported(home: Path, esc10_mini: Path, tmp_path: Path) -> None:
    cases = [
        (("nowhere",), "nowhere: no such checkpoint"),
        (("run/state.safetensors",), "holds the state of a run"),
        (("run", "--crossval", str(tmp_path)), "no fold*/model.safetensors there"),
        (("run", "--prune", "0.9"), "--prune 0.9: at most"),
        (("run", "--name", "Has Spaces"), "is no name for a model"),
        (("run", "--data", str(tmp_path)), "holds no audio"),
    ]
    for words, sentence in cases:
        assert sentence in earshot(home, esc10_mini, "export", *words, "--out", str(tmp_path / "out"), status=1)
        assert not (tmp_path / "out").exists()
