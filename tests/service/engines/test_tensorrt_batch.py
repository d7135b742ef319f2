"""CUDA graphs: captured per batch size, replayed only where they win, done without where they cannot be had."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from service.engines.tensorrt import TensorRTEngine
from tests.contract.fake_tensorrt import SAMPLES, Library
from tests.service.engines.asked import MOST, SIZES, assert_right
from tests.service.engines.fake_cuda import CAPTURING, FakeCuda


def test_every_size_has_a_context_and_all_work_in_the_same_memory(ready: TensorRTEngine, library: Library) -> None:
    del ready
    told = [dict(context.calls) for context in library.contexts]
    assert [calls["set_input_shape"][1] for calls in told] == [(size, SAMPLES) for size in SIZES]
    assert len({calls["set_device_memory"] for calls in told}) == 1
    assert [calls["set_optimization_profile_async"][0] for calls in told] == [0, 1, 1, 1]


@pytest.mark.parametrize("count", range(1, MOST + 1))
def test_a_captured_size_is_one_launch(ready: TensorRTEngine, cuda: FakeCuda, count: int) -> None:
    cuda.calls.clear()
    ready.infer(count)
    assert cuda.names() == ["cudaGraphLaunch", "cudaStreamSynchronize"]


def test_where_a_graph_is_slower_it_is_not_used(
    make: Callable[..., TensorRTEngine], cuda: FakeCuda, caplog: pytest.LogCaptureFixture
) -> None:
    cuda.seconds["cudaGraphLaunch"] = 1e-3
    engine = make()
    engine.load()
    with caplog.at_level(logging.DEBUG, "service.engines"):
        engine.warm_up()
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["plain"] * len(SIZES)
    assert "batches of 6: 0.004 ms plainly, 1.001 ms as a CUDA graph" in caplog.text
    cuda.calls.clear()
    assert_right(engine, 5)
    assert cuda.names() == ["cudaMemcpyAsync"] * 3 + ["cudaStreamSynchronize"]


@pytest.mark.parametrize("name", CAPTURING)
def test_only_sizes_that_were_captured_are_replayed(
    make: Callable[..., TensorRTEngine], cuda: FakeCuda, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A plan that cannot be captured at one size runs plainly there."""
    third = SIZES.index(4) + 1
    cuda.fails = lambda called, _: called == name == cuda.names()[-1] and cuda.names().count(name) == third
    engine = make()
    engine.load()
    with caplog.at_level(logging.INFO, "service.engines"):
        engine.warm_up()
    assert f"batches of 4 run without a CUDA graph: CUDA's {name} failed" in caplog.text
    replayed = {}
    for size in SIZES:
        cuda.calls.clear()
        assert_right(engine, size)
        replayed[size] = "cudaGraphLaunch" in cuda.names()
    assert replayed == {1: True, 2: True, 4: False, 6: True}


def test_what_is_refused_during_a_capture_leaves_a_stream_that_works(
    make: Callable[..., TensorRTEngine], cuda: FakeCuda, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = cuda.module().cudaStreamBeginCapture

    def begin(_self: FakeCuda, *arguments: Any) -> Any:  # noqa: ANN401
        library.refuses.add("execute_async_v3")
        return capture(*arguments)

    def end(self: FakeCuda, *arguments: Any) -> Any:  # noqa: ANN401
        library.refuses.clear()
        return ended(self, *arguments)

    ended = FakeCuda.cudaStreamEndCapture
    monkeypatch.setattr(FakeCuda, "cudaStreamBeginCapture", begin)
    monkeypatch.setattr(FakeCuda, "cudaStreamEndCapture", end)
    engine = make()
    engine.load()
    engine.warm_up()
    assert_right(engine, MOST)
    assert "cudaGraphLaunch" not in cuda.names()
