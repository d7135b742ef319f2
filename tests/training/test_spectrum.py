"""Every form of the power spectrum against float64, on real clips and hostile signals, and as engines run it."""

import math
import warnings
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
import onnxscript.optimizer
import pytest
import torch
from torch import Tensor

from tests.training.test_frontend import (
    RATE,
    hostile_signals,
    real_clips,
    torchaudio_decibels,
    within_80_db_of_the_peak,
)
from training.frontend import FrontEndConfig, LogMel, build_frontend
from training.spectrum import BasesPower, FFTPower, TwoStagePower

SIZES = [(1024, 640), (512, 320), (2048, 512), (800, 321), (441, 160), (127, 50)]
EXPORTED = FrontEndConfig(n_fft=512, hop=320, n_mels=40, fmax=14000)
ODD = FrontEndConfig(kind="mfcc", n_fft=441, hop=160, n_mels=24, n_mfcc=13, fmax=14000)


def signals() -> list[Tensor]:
    """One batch each, so that each is judged by its own peak."""
    return [signal.unsqueeze(0) for signal in hostile_signals() if signal.any()] + [
        clip.unsqueeze(0) for clip in real_clips()
    ]


def exact_power(waves: Tensor, n_fft: int, hop: int) -> Tensor:
    window = torch.hann_window(n_fft, dtype=torch.float64)
    power: Tensor = torch.fft.rfft(waves.double().unfold(-1, n_fft, hop) * window).abs().square()
    return power


def power_by(form: str, waves: Tensor, n_fft: int, hop: int) -> Tensor:
    """[B, frames, bins]."""
    if form == "two stages":
        two_stages = TwoStagePower(n_fft, hop)
        power: Tensor = two_stages(waves)[two_stages.rows].permute(1, 2, 0)
    else:
        power = (BasesPower if form == "bases" else FFTPower)(n_fft, hop)(waves)
    return power


def rms_error(power: Tensor, exact: Tensor) -> float:
    return float((power.double().sqrt() - exact.sqrt()).square().mean().sqrt())


@pytest.mark.parametrize("form", ["FFT", "bases", "two stages"])
@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
def test_no_form_loses_decibels(form: str, n_fft: int, hop: int) -> None:
    for waves in signals():
        exact = exact_power(waves, n_fft, hop)
        heard = exact > exact.max() * 1e-8  # 80 dB below the peak
        ratio = power_by(form, waves, n_fft, hop).double()[heard] / exact[heard]
        assert (10 * ratio.log10()).abs().max() < 0.01


@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 640), (512, 320), (2048, 512), (800, 321)])
def test_two_stages_err_hardly_more_than_an_fft(n_fft: int, hop: int) -> None:
    for waves in signals():
        exact = exact_power(waves, n_fft, hop)
        fft, two = (rms_error(power_by(form, waves, n_fft, hop), exact) for form in ("FFT", "two stages"))
        assert two < 1.6 * fft


@pytest.mark.parametrize("form", ["bases", "two stages"])
def test_silence_has_no_power_at_all(form: str) -> None:
    assert not power_by(form, torch.zeros(2, RATE), 1024, 640).any()


@pytest.mark.parametrize("form", ["cpu", "gpu"])
def test_what_a_file_carries_is_small(form: Literal["cpu", "gpu"]) -> None:
    twin = build_frontend(FrontEndConfig(), RATE).exportable(form)
    assert sum(constant.nbytes for constant in twin.buffers()) < 400_000


@cache
def exported(config: FrontEndConfig, form: Literal["cpu", "gpu"]) -> bytes:
    twin = fitted(config).exportable(form).eval()
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            twin, (torch.zeros(2, RATE),), dynamo=True, optimize=False, opset_version=18, verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},), input_names=["waves"], output_names=["picture"],
        )  # fmt: skip
    assert program is not None
    onnxscript.optimizer.fold_constants(program.model, output_size_limit=65536)
    onnxscript.optimizer.remove_unused_nodes(program.model)
    return bytes(program.model_proto.SerializeToString())


@cache
def fitted(config: FrontEndConfig) -> LogMel:
    frontend = build_frontend(config, RATE)
    frontend.fit_normalisation([real_clips()])
    return frontend


def load(graph: bytes, optimised: Path | None = None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # it warns that an optimised graph is for this machine only
    if optimised:
        options.optimized_model_filepath = str(optimised)
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("form", ["cpu", "gpu"])
def test_an_engine_loses_no_decibels(form: Literal["cpu", "gpu"]) -> None:
    frontend, session = fitted(EXPORTED), load(exported(EXPORTED, form))
    for waves in (hostile_signals(), real_clips()[:1, :RATE]):
        picture = torch.from_numpy(session.run(None, {"waves": waves.numpy()})[0])
        expected = torchaudio_decibels(EXPORTED, waves)
        difference = (picture.squeeze(1) * frontend.std + frontend.mean - expected).abs()
        assert difference[within_80_db_of_the_peak(expected)].max() < 0.02


def test_an_engine_computes_cepstra_of_frames_without_a_measure_in_common() -> None:
    frontend, session = fitted(ODD), load(exported(ODD, "cpu"))
    waves = real_clips()[:, :RATE]
    picture = session.run(None, {"waves": waves.numpy()})[0]
    assert np.abs(picture - frontend(waves).numpy()).max() < 1e-3


def test_the_bases_are_worked_out_at_load(tmp_path: Path) -> None:
    load(exported(EXPORTED, "gpu"), tmp_path / "optimised.onnx")
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    assert [node.op_type for node in nodes if node.op_type in {"Conv", "Cos", "Gather", "Slice", "Concat"}] == [
        "Conv"
    ]


def test_tensorrt_keeps_the_bases_in_its_engine() -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed: pip install -e '.[dev]'")
    from contract.engine_file import Profile
    from contract.tensorrt import build_engine

    graph = exported(EXPORTED, "gpu")
    bases = 2 * (EXPORTED.n_fft // 2 + 1) * EXPORTED.n_fft * 4
    assert len(graph) < bases / 4
    engine = build_engine(trt, graph, [Profile(1, 1, 8)], compute_capability=(8, 6))
    assert len(engine) > bases


def test_the_transform_reads_the_first_stage_without_a_copy(tmp_path: Path) -> None:
    load(exported(EXPORTED, "cpu"), tmp_path / "optimised.onnx")
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    assert sum(node.op_type == "Transpose" for node in nodes) == 1  # of the picture, at the end
    assert sum(node.op_type == "FusedMatMul" for node in nodes) == 1


def test_the_stages_are_as_small_as_can_be() -> None:
    power = TwoStagePower(1024, 640)
    assert (power.parts, power.height, power.width) == (2, 32, 16)
    assert math.prod(power.second.shape) + math.prod(power.first.shape) < 40_000
