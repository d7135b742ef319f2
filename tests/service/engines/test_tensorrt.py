"""The TensorRT engine on a CUDA and a TensorRT runtime that need no GPU; engines are built by the real builder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract import tensorrt, tensorrt_kept
from contract.errors import UnavailableError
from service.engines.base import EngineError, EngineFacts
from service.engines.tensorrt import TensorRTEngine
from service.engines.tensorrt_batch import Batch
from service.model import Graph
from tests.contract.fake_tensorrt import CLASSES, SAMPLES, Library, answers
from tests.service.engines.asked import MOST, assert_right, life
from tests.service.engines.fake_cuda import FakeCuda


@pytest.mark.parametrize("count", range(1, MOST + 1))
def test_each_count_is_answered_rightly(ready: TensorRTEngine, count: int) -> None:
    assert_right(ready, count)


def test_it_runs_without_a_warm_up(make: Callable[..., TensorRTEngine], cuda: FakeCuda) -> None:
    engine = make()
    engine.load()
    assert_right(engine, 3)
    assert "cudaGraphLaunch" not in cuda.names()


def test_answers_are_the_callers(ready: TensorRTEngine) -> None:
    ready.staging[:] = 1
    first = ready.infer(2)
    kept = first.logits.copy()
    ready.staging[:] = 2
    assert (ready.infer(2).logits != kept).all()
    np.testing.assert_array_equal(first.logits, kept)


def test_staging_is_pinned_memory_that_stays_where_it_is(ready: TensorRTEngine, cuda: FakeCuda) -> None:
    staging = ready.staging
    assert staging.shape == (MOST, SAMPLES)
    assert staging.dtype == np.float32
    assert staging.ctypes.data in cuda.pinned
    cuda.calls.clear()
    for count in range(1, MOST + 1):
        ready.infer(count)
    assert ready.staging is staging
    assert not {"cudaHostAlloc", "cudaMalloc", "cudaStreamCreateWithFlags"} & set(cuda.names())


def test_closing_twice_or_before_loading_does_nothing(
    make: Callable[..., TensorRTEngine], ready: TensorRTEngine, cuda: FakeCuda
) -> None:
    make().close()
    ready.close()
    calls = len(cuda.calls)
    ready.close()
    assert len(cuda.calls) == calls
    assert len(ready.staging) == 0


def test_loading_again_makes_all_anew(ready: TensorRTEngine, cuda: FakeCuda) -> None:
    before = ready.staging
    before[:] = 1
    held = cuda.leaks - len(cuda.graphs) - len(cuda.instances) + 1  # what `before` looks at
    ready.load()
    assert ready.staging is not before
    assert not ready.staging.any()
    assert cuda.leaks == held
    assert_right(ready, 3)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """One entry for each build, in a cache of its own; there the real builder runs."""
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    built: list[str] = []
    build = tensorrt.build_engine

    def counted(trt: Any, *arguments: Any, **settings: Any) -> bytes:  # noqa: ANN401
        built.append(trt.__name__)
        return build(trt, *arguments, **settings)

    monkeypatch.setattr(tensorrt_kept, "build_engine", counted)
    return built


def test_the_engine_is_built_while_loading_and_never_later(
    make: Callable[..., TensorRTEngine], builds: list[str], library: Library
) -> None:
    notes: list[str] = []
    engine = make(note=notes.append)
    assert not builds
    engine.load()
    assert builds == ["tensorrt_rtx"]
    assert len(notes) == 1
    assert "is being built" in notes[0]
    engine.warm_up()
    engine.infer(MOST)
    assert len(builds) == 1
    assert len(library.loaded[0]) > 1000  # what the real builder made


def test_replicas_share_a_plan_and_nothing_else(
    make: Callable[..., TensorRTEngine], builds: list[str], library: Library, cuda: FakeCuda
) -> None:
    one, other = make(), make()
    for engine in (one, other):
        life(engine)
    assert len(builds) == len(library.loaded) == 1
    assert len(cuda.queues) == 2
    one.staging[:] = 1
    other.staging[:] = 2
    np.testing.assert_array_equal(2 * one.infer(1).logits, other.infer(1).logits)
    one.close()
    assert_right(other, 4)


def test_a_kept_engine_is_loaded_by_the_next_process(
    make: Callable[..., TensorRTEngine], builds: list[str], library: Library
) -> None:
    for _ in range(2):
        engine = make()
        life(engine)
        engine.close()
        del engine
    assert len(builds) == 1
    assert len(library.loaded) == 2
    assert library.loaded[0] == library.loaded[1]


def test_a_batch_beyond_the_usual_gets_an_engine_that_takes_it(
    cuda: FakeCuda, graph: Graph, builds: list[str]
) -> None:
    library = Library("tensorrt_rtx", profiles=tensorrt_kept.profiles_up_to(48), device=cuda)
    engine = TensorRTEngine(graph, 48, library.module(), cuda.module())
    engine.load()
    assert len(builds) == 1
    assert_right(engine, 33)
    engine.close()


def test_a_build_says_now_and_then_how_far_it_is(
    make: Callable[..., TensorRTEngine], cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def build(*_: object, progress: Callable[[str, int, int], None], **__: object) -> bytes:
        for step in range(100):
            cuda.now += 0.6
            progress("Timing kernels", step, 100)
        return b"plan"

    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(tensorrt_kept, "build_engine", build)
    notes: list[str] = []
    make(note=notes.append).load()
    assert notes[1:] == [f"Timing kernels: {step} of 100" for step in (16, 33, 50, 67, 84)]


def test_native_tensorrt_is_asked_in_the_same_way(
    cuda: FakeCuda, graph: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(tensorrt_kept, "build_engine", lambda *_, **__: b"plan")
    engine = TensorRTEngine(graph, MOST, Library("tensorrt", device=cuda).module(), cuda.module())
    life(engine)
    assert engine.describe().name == "tensorrt"
    engine.close()


def test_it_says_what_it_is(ready: TensorRTEngine, library: Library, graph: Graph) -> None:
    version = library.module().__version__
    assert ready.describe() == EngineFacts(
        "tensorrt_rtx", version, "float16", "NVIDIA A10G", "model.fp16.onnx", graph.sha256
    )


@pytest.mark.parametrize("name", ["logits", "scores"])
def test_a_graph_may_have_scores_alone_under_any_name(cuda: FakeCuda, graph: Graph, name: str) -> None:
    library = Library("tensorrt_rtx", outputs={name: CLASSES}, device=cuda)
    engine = TensorRTEngine(graph, 2, library.module(), cuda.module())
    engine.load()
    engine.staging[:] = 1
    logits, embedding = engine.infer(1)
    assert embedding is None
    np.testing.assert_array_equal(logits, answers(np.ones((1, SAMPLES), np.float32))["logits"])
    engine.close()


def test_what_tensorrt_refuses_is_an_error_of_the_engine(
    make: Callable[..., TensorRTEngine], library: Library, cuda: FakeCuda
) -> None:
    for refused in ("deserialize_cuda_engine", "create_execution_context", "set_input_shape", "execute_async_v3"):
        library.refuses = {refused}
        with pytest.raises(EngineError, match=r"tensorrt_rtx (does|has|refuses)"):
            life(make())
        assert not cuda.leaks


def test_a_gpu_that_tensorrt_for_rtx_is_not_made_for_is_excused(
    make: Callable[..., TensorRTEngine], library: Library, cuda: FakeCuda
) -> None:
    cuda.capability = (9, 0)
    library.refuses = {"deserialize_cuda_engine"}
    with pytest.raises(UnavailableError, match="TensorRT for RTX does not support sm90"):
        make().load()


def test_whatever_a_library_throws_is_said_in_one_line(
    make: Callable[..., TensorRTEngine], ready: TensorRTEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throw(*_: object) -> None:
        raise TypeError("incompatible arguments\nInvoked with: 7")

    monkeypatch.setattr("service.engines.tensorrt.Plan", throw)
    ready.close()
    with pytest.raises(EngineError, match=r"^TensorRT for RTX does not run: TypeError: incompatible arguments$"):
        make().load()
    monkeypatch.undo()
    monkeypatch.setattr(Batch, "run", throw)
    ready.load()
    with pytest.raises(EngineError, match="incompatible arguments"):
        ready.infer(1)
