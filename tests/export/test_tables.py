"""What a person sees of a bundle, and of graphs that did not pass."""

from pathlib import Path

import pytest

from contract.bundle import Bundle
from contract.manifest import Manifest
from export import tables
from export.tables import show_bundle, show_parity
from tests.contract.manifests import smallest_manifest
from tests.export.conftest import told_by, verdict_of, witness
from training.material import Sounds


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.console, "width", 200)


def test_each_graph_has_a_line(sounds: Sounds, capsys: pytest.CaptureFixture[str]) -> None:
    show_parity(verdict_of(told_by(witness(sounds, 1)), told_by(witness(sounds, 2))).parity())
    said = capsys.readouterr().out
    assert "against PyTorch in float32: 16 held-out windows of fold 1, 2" in said
    for name in ("model.onnx", "model.fp16.onnx", "model.int8.onnx"):
        (line,) = (line for line in said.splitlines() if f" {name} " in line)
        assert "100.00 % (+0.00)" in line


def test_where_nothing_was_measured_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_parity({})
    assert capsys.readouterr().out == ""


def test_a_bundle_is_shown_with_its_figures_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    content = smallest_manifest()
    content["labels"] = ["dog", "[red]rain"]
    content["files"] = {"model.onnx": {"sha256": "ab" * 32, "bytes": 1_234_567}}
    content["speed"]["rows"] = [{"engine": "ONNX", "milliseconds": 8, "speedup": 2.5}]
    show_bundle(Bundle(Path("tiny"), Manifest.model_validate(content)))
    said = capsys.readouterr().out
    assert "5 s, mono, 16000 Hz" in said
    assert "2 classes: dog, [red]rain" in said
    assert "esc10-mini, without fold 1" in said
    assert "75.00 %, held-out fold 1, seed 0" in said
    assert "ONNX │ 8.00 │ 2.50 ×" in " ".join(said.split())
    assert "model.onnx │ 1,234,567 │ abababababababab" in " ".join(said.split())
