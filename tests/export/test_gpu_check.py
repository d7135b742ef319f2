"""The GPU check as far as it goes without a GPU: the same measuring code, on the CPU."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from export.gpu import columns as gpu_columns
from export.gpu.columns import candidates, check, graph_of
from export.gpu.engines import Candidate, TorchEngine
from export.gpu.measure import (
    Column,
    Material,
    Timing,
    Waves,
    answers,
    fill,
    load_material,
    measure,
    on_pcm_grid,
    time_runs,
)
from export.gpu.report import as_json, latency_table, machine_facts, parity_table
from export.graph import half_graph
from export.parity import Logits
from tests.training.conftest import TINY
from training.checkpoint import ModelFacts, build_classifier, load_model, model_file, save_model
from training.model import Classifier

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "bundles/esc50-resnet/weights.safetensors"
CPU = torch.device("cpu")
SAMPLES = TINY.audio.window_samples


@pytest.fixture(autouse=True)
def _in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.gpu.measure._WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr("export.gpu.measure.BATCHES", (1, 2))


@pytest.fixture(scope="module")
def clips(esc10_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five of the forty: enough for a batch that is not full."""
    folder = tmp_path_factory.mktemp("clips")
    for path in sorted((esc10_mini / "audio").iterdir())[::8]:
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def model(clips: Path) -> Classifier:
    """Untrained, but with batch norms that have seen sounds: answers that differ."""
    torch.manual_seed(0)
    model = build_classifier(TINY, classes=4)
    material = load_material(model.eval(), clips, TINY.audio.sample_rate, SAMPLES)
    waves = torch.from_numpy(material.clips.waves)
    model.frontend.fit_normalisation([waves])
    with torch.no_grad():
        for _ in range(20):
            model.train()(waves)
    return model.eval()


@pytest.fixture(scope="module")
def material(model: Classifier, clips: Path) -> Material:
    return load_material(model, clips, TINY.audio.sample_rate, SAMPLES)


@pytest.fixture(scope="module")
def checkpoint(model: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    facts = ModelFacts(
        recipe=TINY, labels=("a", "b", "c", "d"), dataset="mini", held_out_folds=(), epochs=0, commit="none"
    )
    save_model(path, model, facts)
    return path


def candidate(module: Callable[[], nn.Module], half: bool = False) -> Candidate:
    return Candidate("made here", half, lambda: TorchEngine(module(), CPU, (SAMPLES,)))


def shown(table: Table) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_whole_check_on_a_cpu(checkpoint: Path, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "figures.json"
    assert check(checkpoint.parent, clips, CPU, runs=2, compiled=False, out=out)
    written = json.loads(out.read_text())
    assert written["machine"]["processor"]
    assert written["machine"]["packages"]["torch"] == torch.__version__
    assert [engine["name"] for engine in written["engines"]] == ["torch float32", "torch half", "onnxruntime half"]
    for engine in written["engines"]:
        assert engine["failed"] == ""
        assert {clip["windows"] for clip in engine["clips"].values()} == {5}
        assert engine["clips"]["int16"]["max_delta"] == pytest.approx(
            engine["clips"]["float32"]["max_delta"], abs=1e-3
        )
        assert [(t["input"], t["batch"]) for t in engine["timings"]] == [
            (kind, batch) for kind in ("float32", "int16") for batch in (1, 2)
        ]
        assert all(0 < t["median_ms"] <= t["p99_ms"] for t in engine["timings"])
    assert written["engines"][0]["clips"]["float32"]["max_delta"] < 1e-4
    assert 0 < written["engines"][1]["clips"]["float32"]["max_delta"] < 0.1


def test_answers_are_those_of_the_model_whatever_the_batch(model: Classifier, material: Material) -> None:
    engine = TorchEngine(model, CPU, (SAMPLES,))
    for dtype in (torch.float32, torch.int16):
        found = answers(engine, material.clips.waves, dtype)
        np.testing.assert_allclose(found, material.clips.wanted, atol=1e-4)


def test_both_kinds_of_samples_carry_the_same_sound() -> None:
    waves = np.array([[-1.5, -1, -0.3, 0, 1e-5, 0.3, 1, 1.5]], np.float32)
    heard: list[Tensor] = []

    class Listener(nn.Module):
        def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
            heard.append(given.clone())
            return given, given

    engine = TorchEngine(Listener(), CPU, waves.shape[1:])
    for dtype in (torch.float32, torch.int16):
        session = engine.session(1, dtype)
        fill(session, on_pcm_grid(waves))
        session.run()
        assert torch.equal(heard[-1], torch.from_numpy(on_pcm_grid(waves)))


def test_a_wrong_engine_is_out_of_limits(model: Classifier, material: Material) -> None:
    class Inverted(nn.Module):
        def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
            output = model(waves)
            return -output.logits, output.embedding

    column = measure(candidate(Inverted, half=True), material, runs=1)
    assert not column.holds
    assert any("answers are others" in phrase for phrase in column.broken)


def test_answers_that_are_no_numbers_are_out_of_limits(model: Classifier, material: Material) -> None:
    class Broken(nn.Module):
        def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
            output = model(waves)
            return output.logits.log(), output.embedding  # of a negative number

    column = measure(candidate(Broken), material, runs=1)
    assert not column.holds
    assert any("no number" in phrase for phrase in column.broken)


class TF32Power(nn.Module):
    """The power spectrum as tensor cores compute it unless TF32 is turned off: factors of 10 bits."""

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        sample = torch.arange(n_fft, dtype=torch.float64)
        angle = torch.outer(torch.arange(n_fft // 2 + 1).double(), sample) * (2 * torch.pi / n_fft)
        window = 0.5 - 0.5 * torch.cos(2 * torch.pi * sample / n_fft)
        bases = torch.cat((angle.cos(), -angle.sin())) * window
        self.register_buffer("bases", _ten_bits(bases.float().unsqueeze(1)))

    def forward(self, waves: Tensor) -> Tensor:
        spectrum = nn.functional.conv1d(_ten_bits(waves).unsqueeze(1), self.get_buffer("bases"), stride=self.hop)
        real, imaginary = spectrum.chunk(2, dim=1)
        return (real.square() + imaginary.square()).transpose(1, 2)


def _ten_bits(values: Tensor) -> Tensor:
    bits = values.contiguous().view(torch.int32)
    return ((bits + 0x0FFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


def test_tf32_in_the_front_end_is_found_out(clips: Path) -> None:
    """The clips would hardly tell: all first classes agree. The hostile signals do."""
    model, facts = load_model(SHIPPED)
    samples = facts.recipe.audio.window_samples
    material = load_material(model, clips, facts.recipe.audio.sample_rate, samples)
    config = facts.recipe.front_end
    rounded = load_model(SHIPPED)[0]
    rounded.frontend.power = TF32Power(config.n_fft, config.hop)
    engine = TorchEngine(rounded, CPU, (samples,))
    column = measure(Candidate("TF32", True, lambda: engine), material, runs=1)
    assert column.clips["float32"].agreement == 1
    assert any("constant" in phrase for phrase in column.broken), column.hostile
    assert not column.holds


def test_one_clip_of_five_may_waver_in_half_precision_but_not_in_float32(
    model: Classifier, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one window is more than the share that is allowed, one window is: as in the gate of the export."""

    def flipped(engine: TorchEngine, waves: Waves, dtype: torch.dtype) -> Logits:
        found = answers(engine, waves, dtype)
        found[0] = found[0, ::-1] if len(waves) == len(material.clips.waves) else found[0]
        return found

    monkeypatch.setattr("export.gpu.measure.answers", flipped)
    assert measure(candidate(lambda: model, half=True), material, runs=1).holds
    assert not measure(candidate(lambda: model), material, runs=1).holds


def test_an_engine_that_fails_while_it_is_timed_keeps_its_answers(
    model: Classifier, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr("export.gpu.measure.time_runs", explode)
    column = measure(candidate(lambda: model), material, runs=1)
    assert column.failed == "MemoryError: too large"
    assert column.clips.keys() == {"float32", "int16"}
    assert column.timings == ()


def test_on_a_gpu_there_are_columns_for_every_engine(model: Classifier) -> None:
    cuda = torch.device("cuda")
    names = [engine.name for engine in candidates(model, pytest.fail, cuda, SAMPLES, compiled=True)]
    assert names[:4] == ["torch float32", "torch half", "torch half, CUDA graph", "torch.compile half"]
    assert any("TensorRT" in name and "CUDA graph" in name for name in names)
    assert names[-1] == "onnxruntime half"


def test_runs_are_timed_after_a_warm_up() -> None:
    calls: list[None] = []
    taken = time_runs(lambda: calls.append(None), runs=7, warm_up_seconds=0)
    assert taken.shape == (7,)
    assert len(calls) > 7
    assert (taken >= 0).all()


def test_a_bundle_brings_its_own_weights_and_graph(model: Classifier, checkpoint: Path, tmp_path: Path) -> None:
    assert model_file(checkpoint) == checkpoint
    assert model_file(checkpoint.parent) == checkpoint
    (tmp_path / "weights.safetensors").touch()
    assert model_file(tmp_path) == tmp_path / "weights.safetensors"
    graph = half_graph(model, SAMPLES)
    graph.producer_name = "shipped"
    (tmp_path / "model.fp16.onnx").write_bytes(graph.SerializeToString())
    assert graph_of(tmp_path, model, SAMPLES).producer_name == "shipped"


def test_tables_and_file_hold_every_figure(model: Classifier, material: Material) -> None:
    column = measure(candidate(lambda: model), material, runs=2)
    known = replace(column, timings=(Timing(8, "int16", 2, 1.25, 4.5),))
    failed, absent = Column("TensorRT", failed="no driver"), Column("onnxruntime", unavailable="not installed")
    parity, latency = shown(parity_table([known, failed, absent])), shown(latency_table([known, failed]))
    assert "8 of 8" in parity
    assert "failed: no driver" in parity
    assert "not here: not installed" in parity
    assert "1.250  4.500" in latency
    assert "TensorRT" not in latency
    figures: dict[str, Any] = json.loads(json.dumps(as_json(machine_facts(CPU), [known, failed]), allow_nan=False))
    assert figures["engines"][0]["timings"] == [
        {"batch": 8, "input": "int16", "runs": 2, "median_ms": 1.25, "p99_ms": 4.5}
    ]
    assert figures["machine"]["gpu"] is None


def test_the_check_fails_where_a_column_does(checkpoint: Path, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in (Column("torch half", broken=("float32: nothing agrees",)), Column("TensorRT", failed="no driver")):
        monkeypatch.setattr(gpu_columns, "measure", lambda *_, bad=bad: bad)
        assert not check(checkpoint, clips, CPU, runs=1, compiled=False, out=None)
