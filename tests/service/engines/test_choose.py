"""Engines are chosen by the profile of the place where they run: that of their own facts, on a CPU as on a GPU."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.errors import UnavailableError
from service.engines.base import EngineFacts
from service.engines.choose import Chosen, candidates, choose
from service.engines.torch import find_gpu
from service.model import Graph, from_bundle, from_onnx
from service.profiles import Place
from service.settings import Settings
from tests.service.engines.conftest import ESC10
from tests.service.graphs import save_graph
from tests.service.profiles import SAID, TUNING, keep_profile

if TYPE_CHECKING:
    from tests.contract.fake_tensorrt import Library
    from tests.service.engines.fake_cuda import FakeCuda


def place_of(facts: EngineFacts) -> Place:
    """What whoever reads /v1/model knows of it."""
    return Place.here(facts.name, facts.version, facts.device, facts.sha256)


def close(chosen: Chosen) -> None:
    for engine in chosen.engines:
        engine.close()


def test_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    model = from_onnx(save_graph(tmp_path / "mine.onnx"), 8_000)
    usual = choose(model, Settings(), pytest.fail)
    assert usual.reason == "the fastest that works here"
    keep_profile(place_of(usual.engines[0].describe()))
    close(usual)
    chosen = choose(model, Settings(), pytest.fail)
    assert (len(chosen.engines), len(chosen.engines[0].staging)) == (1, 7)
    assert chosen.reason == f"the fastest that works here; replicas 1, threads 2, max_batch 7 {SAID}"
    close(chosen)
    chosen = choose(model, Settings(replicas=3), pytest.fail)
    assert (len(chosen.engines), len(chosen.engines[0].staging)) == (3, 7)
    close(chosen)


def test_on_a_gpu(cuda: "FakeCuda", library: "Library", graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engines.choose._module", lambda _: library.module())
    monkeypatch.setattr("service.engines.tensorrt_cuda.find_cuda", cuda.module)
    model = replace(from_bundle(ESC10), graphs=(graph,))
    said: list[str] = []
    (_, find), *_ = candidates(model, Settings(engine="tensorrt_rtx"), said.append)
    usual = find()
    assert (usual.replicas, usual.tuned) == (2, "")
    engine = usual.make()
    engine.load()
    keep_profile(place_of(engine.describe()), TUNING.model_copy(update={"replicas": 3}))
    engine.close()
    found = find()
    assert found.replicas == 3
    assert found.tuned == f"; replicas 3, threads 2, max_batch 7 {SAID}"
    assert not [sentence for sentence in said if "profile" in sentence]


def test_pytorch_without_a_gpu_is_said_before_anything_is_loaded() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UnavailableError, match="sees no GPU"):
        find_gpu()
