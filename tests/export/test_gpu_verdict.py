"""How the GPU check ends: what a machine does not have is said and excused, what does not work fails."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from contract.errors import UnavailableError
from contract.tensorrt import EngineBuildError
from contract.tensorrt_plan import Plan, PlanError
from export.gpu import check as gpu_check
from export.gpu import columns as gpu_columns
from export.gpu.engines import Candidate, TorchEngine, onnx_candidate, tensorrt_candidates
from export.gpu.measure import Column, Material, Sounds, measure
from export.gpu.report import machine_facts, show

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
SAMPLES = 100


@pytest.fixture
def material() -> Material:
    """Nothing: no engine here comes so far as to be asked."""
    return Material(Sounds(np.zeros((0, SAMPLES), np.float32), np.zeros((0, 4), np.float32)), {})


def test_without_a_gpu_the_check_is_skipped_in_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    command = [sys.executable, "-m", "export.gpu.check"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert not result.stderr
    assert result.stdout.startswith("skipped: the GPU check needs an NVIDIA GPU")
    assert result.stdout.count("\n") == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_with_a_gpu_every_engine_that_must_run_holds(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "export.gpu.check", "--runs", "20", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert json.loads(out.read_text())["machine"]["gpu"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu_check, "find_spec", lambda name: None if name in {"torch", "onnx"} else name)
    assert gpu_check.main([]) == 0
    assert capsys.readouterr().out.startswith("skipped: the GPU check needs torch, onnx, not installed here")


@pytest.mark.parametrize("words", [["--runs", "0"], ["--runs", "few"], ["--nonsense"]])
def test_bad_options_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        gpu_check.main(words)
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_a_missing_checkpoint_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_check, "missing", lambda: None)
    assert gpu_check.main(["--bundle", str(tmp_path / "none")]) == 1
    assert "no such checkpoint" in capsys.readouterr().err


def test_an_engine_that_fails_fails_the_check_and_stops_no_other(material: Material) -> None:
    def explode() -> TorchEngine:
        raise RuntimeError("no kernel image is available\nsecond line")

    column = measure(Candidate("exploding", True, explode), material, runs=1)
    assert column.failed == "RuntimeError: no kernel image is available"
    assert not column.holds


def test_what_is_not_installed_is_a_column_that_says_so(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract.tensorrt_kept.find_spec", lambda _: None)
    found = [
        measure(missing, material, runs=1)
        for missing in (
            *tensorrt_candidates(None, lambda _: pytest.fail("loaded"), CPU),
            onnx_candidate(pytest.fail, SAMPLES, "NoSuchProvider"),
        )
    ]
    sentences = ["no TensorRT is installed", "no TensorRT is installed", "has no NoSuchProvider"]
    for column, sentence in zip(found, sentences, strict=True):
        assert sentence in column.unavailable
        assert column.holds
        assert not column.failed


def test_tensorrt_that_is_installed_must_work(material: Material) -> None:
    """Whether it does not load, refuses a node of the graph, or refuses its plan."""

    def refuse_node(_: ModuleType) -> Plan:
        raise EngineBuildError("tensorrt cannot run this graph: node 7 (Pad)")

    def refuse_plan(_: ModuleType) -> Plan:
        raise PlanError("tensorrt does not load its own plan")

    trt = ModuleType("tensorrt")
    cases = [(None, refuse_node, "does not load"), (trt, refuse_node, "node 7"), (trt, refuse_plan, "its own plan")]
    for library, load, sentence in cases:
        for installed in tensorrt_candidates(library, load, CPU):
            column = measure(installed, material, runs=1)
            assert sentence in column.failed
            assert not column.holds


def test_a_gpu_that_tensorrt_for_rtx_is_not_made_for_is_no_failure(material: Material) -> None:
    def refuse(_: ModuleType) -> Plan:
        raise UnavailableError("TensorRT for RTX does not support sm90")

    for experiment in tensorrt_candidates(ModuleType("tensorrt_rtx"), refuse, CPU):
        column = measure(experiment, material, runs=1)
        assert column.holds
        assert column.unavailable == "TensorRT for RTX does not support sm90"


def test_what_is_out_of_limits_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show(machine_facts(CPU), [Column("torch half", broken=("float32: nothing agrees",))])
    assert "torch half is out of limits: float32: nothing agrees" in capsys.readouterr().out


def test_a_failed_check_is_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_check, "missing", lambda: None)
    for holds, status in ((True, 0), (False, 1)):
        monkeypatch.setattr(gpu_columns, "check", lambda *_, holds=holds: holds)
        assert gpu_check.main([]) == status
