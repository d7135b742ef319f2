"""Engines by name, and what is said of those that cannot be had."""

from pathlib import Path

import pytest

from benchmarks.latency.engines import ENGINES, REFERENCE, absence, chosen
from benchmarks.latency.results import Absent
from contract.errors import EarshotError


def test_all_are_meant_where_none_is_named_and_names_differ() -> None:
    assert chosen(None) == chosen([]) == ENGINES
    assert len({engine.name for engine in ENGINES}) == len({engine.title for engine in ENGINES}) == len(ENGINES)


def test_those_that_are_named_come_in_the_order_of_the_tables() -> None:
    assert [engine.name for engine in chosen(["onnx-int8", "torch"])] == ["torch", "onnx-int8"]


def test_an_unknown_one_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(
        EarshotError, match=r"there is no engine 'openvino'; there are torchaudio, torch, .*onnx-int8"
    ):
        chosen(["onnx-int8", "openvino"])


def test_a_machine_without_a_gpu_has_none_of_those_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.latency.engines.GPU_FILES", (Path("/nowhere"),))
    for engine in ENGINES:
        assert absence(engine) == ("no NVIDIA GPU is seen here" if engine.gpu else "")
    assert Absent(ENGINES[-1], absence(ENGINES[-1])).sentence == "not here: no NVIDIA GPU is seen here"


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.latency.engines.GPU_FILES", (Path("/"),))
    monkeypatch.setattr("benchmarks.latency.engines.find_spec", lambda _: None)
    assert absence(REFERENCE) == "torch is not installed: pip install -e '.[train]'"
    (plan,) = chosen(["tensorrt-rtx"])
    assert absence(plan) == "tensorrt_rtx is not installed: pip install -e '.[gpu]'"
