"""The whole command in short: real engines in real processes, and every file that it leaves."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cli
from benchmarks.latency.engines import chosen
from benchmarks.latency.measurement import agreement, measure
from benchmarks.latency.order import Order, order_of
from benchmarks.latency.results import Latencies, Place
from benchmarks.latency.words import PICTURES
from benchmarks.series import series_in
from contract.errors import EarshotError
from export.part import FRONT_END, NETWORK, WHOLE


def order(*engines: str) -> Order:
    return order_of("esc10-resnet", engines, "1,2", 2, 0.005, 1, None, None, None, quick=True)


@pytest.fixture
def earshot(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The program, with these words behind `bench latency`; gives its exit status."""

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["earshot", "bench", "latency", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    return run


def test_the_command_leaves_every_file_and_says_where(
    earshot: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pace = ("--batches", "1,2", "--rounds", "2", "--seconds", "0.005")
    engines = ("--engine", "onnx-int8", "--engine", "torch", "--engine", "torch-cuda-graph")
    assert earshot("--bundle", "esc10-resnet", *pace, *engines, "--out", str(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"kept in {tmp_path}: latency.html")
    assert {file.name for file in tmp_path.iterdir()} == {
        "README.md", "latency.json", "latency.md", "latency.html", *PICTURES,
    }  # fmt: skip
    content = json.loads((tmp_path / "latency.json").read_text(encoding="utf-8"))
    series = series_in(content)
    lone = series["ONNX Runtime INT8/batch 1/p50"]
    assert 0.1 < lone.median < 1000
    assert len(lone.rounds) == 2
    assert {"PyTorch eager, front end/batch 2/p50", "PyTorch eager, network/batch 1/p50"} <= series.keys()
    torch, int8 = content["details"]["engines"]
    assert torch["agreement"] == 1
    assert int8["agreement"] > 0.9
    assert int8["accuracy"]["share"] == pytest.approx(0.93, abs=0.03)
    assert int8["cost"]["loaded_mb"] > 1
    assert int8["cost"]["library_mb"] < torch["cost"]["library_mb"]
    assert all(0 < place["floor_ms"] < place["p50_ms"] for place in int8["places"])
    assert content["details"]["absent"][0]["engine"] == "torch-cuda-graph"
    assert "not here" in (tmp_path / "latency.md").read_text(encoding="utf-8")
    assert {"torch", "onnx"} <= content["packages"].keys()


def test_an_unknown_engine_is_one_clear_line(earshot: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert earshot("--engine", "tensorflow") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: there is no engine 'tensorflow'; there are torchaudio, torch")
    assert said.err.count("\n") == 1


def test_an_engine_that_dies_while_it_is_timed_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.latency.contestant._WORKER", "tests.benchmarks.latency.breaking")
    monkeypatch.setattr("benchmarks.latency.measurement.absence", lambda _: "nobody asks PyTorch here")
    said: list[str] = []
    all_ = measure(order("onnx-float32", "onnx-int8"), said.append)
    (absent,), (int8,) = all_.absent, all_.found
    assert absent.sentence == "failed: its process ended: the last straw"
    assert int8.engine.name == "onnx-int8"
    assert int8.agreement is None
    assert set(int8.timings) == {Place(part, batch) for part in (WHOLE, FRONT_END, NETWORK) for batch in (1, 2)}
    assert all(len(timings.rounds) == 2 for timings in int8.timings.values())
    assert said[-1].startswith("round 2 of 2")


@pytest.fixture(scope="module")
def hurried() -> tuple[Latencies, list[str]]:
    """What is found, and what is said, where the time is up at once and no run is quick enough."""
    usual, said = order("onnx-int8"), list[str]()
    pace = replace(usual.pace, rounds=9, seconds=0.04, within_s=0.0, slowest_run_s=1e-6)
    return measure(replace(usual, pace=pace), said.append), said


def test_rounds_end_when_the_time_is_up_but_not_before_there_are_three(hurried: tuple[Latencies, list[str]]) -> None:
    all_, said = hurried
    assert all_.rounds == 3
    assert said[-1] == "3 rounds have to do: this machine has others to serve"


def test_rounds_that_there_must_be_are_shortened_where_time_is_short(hurried: tuple[Latencies, list[str]]) -> None:
    _, said = hurried
    rounds = [line.rpartition(", ")[2] for line in said if line.startswith("round ")]
    assert rounds == [f"{seconds} s of runs for each" for seconds in ("0.04", "0.01", "0.0025")]


def test_a_batch_whose_runs_take_too_long_is_left_out_but_not_the_smallest(
    hurried: tuple[Latencies, list[str]],
) -> None:
    (int8,) = hurried[0].found
    assert int8.batches() == [1]
    assert {place.batch for place in int8.timings} == {1}
    assert int8.too_slow.keys() == {2}
    assert 0 < int8.too_slow[2] < 1


def test_nothing_is_measured_where_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.latency.contest.absence", lambda _: "not installed")
    with pytest.raises(EarshotError, match="no engine is left to measure: onnx-int8: not here: not installed"):
        measure(order("onnx-int8"), lambda _: None)


def test_what_a_library_throws_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT for RTX loads on a machine without a GPU, and says what is missing only when it is asked."""
    monkeypatch.setattr("benchmarks.latency.contest.absence", lambda _: "")
    with pytest.raises(EarshotError, match=r"tensorrt-rtx: not here: PyTorch .* sees no NVIDIA GPU"):
        measure(order("tensorrt-rtx"), lambda _: None)


def test_answers_agree_by_their_first_class() -> None:
    wanted = np.array([[1.0, 2], [2, 1], [1, 2], [1, 2]])
    assert agreement(wanted, wanted[::-1]) == 0.5
    assert agreement(None, wanted) is None


@pytest.mark.gpu
@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="needs an NVIDIA GPU")
def test_a_gpu_is_timed_by_its_own_clock_too() -> None:
    all_ = measure(order("torch-gpu", "torch-gpu-half", "torch-cuda-graph"), lambda _: None)
    assert [one.engine for one in all_.found] == list(chosen(["torch-gpu", "torch-gpu-half", "torch-cuda-graph"]))
    for one in all_.found:
        for place, timings in one.timings.items():
            assert 0 < timings.device_p50 <= timings.p50, place
        assert one.agreement == 1
        assert all_.floor_ms(one, WHOLE, 1) > 0


@pytest.mark.dataset
def test_accuracy_is_measured_on_the_fold_that_the_model_has_not_heard(esc50: Path) -> None:
    asked = order_of("esc50-resnet", ["onnx-float32"], "1,8", 1, 0.005, 1, None, esc50, None, quick=True)
    (one,) = measure(asked, lambda _: None).found
    assert one.accuracy is not None
    assert (one.accuracy.share, one.accuracy.windows) == (0.8425, 400)
    assert one.accuracy.whose == "measured here, fold 5"
