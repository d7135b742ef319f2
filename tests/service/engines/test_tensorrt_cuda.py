"""Every call to CUDA is checked, and all that was taken is given back."""

import inspect
import re
import sys
from collections.abc import Callable

import pytest

from contract.errors import UnavailableError
from service.engines.base import EngineError
from service.engines.tensorrt import TensorRTEngine
from service.engines.tensorrt_cuda import Cuda, find_cuda
from tests.service.engines.asked import SIZES, life
from tests.service.engines.fake_cuda import CAPTURING, FakeCuda, runtime

RELEASING = ("cudaFree", "cudaFreeHost", "cudaStreamDestroy", "cudaGraphDestroy", "cudaGraphExecDestroy")


def test_an_error_of_any_call_is_said_and_nothing_leaks(
    make: Callable[..., TensorRTEngine], cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call in turn, from the first of `load` to the last of `infer`; afterwards the engine can be had again."""
    monkeypatch.setattr("service.engines.tensorrt_batch._TIMED_RUNS", 1)
    engine = make(2)
    life(engine)
    whole = list(cuda.names())
    engine.close()
    assert set(whole) >= {*CAPTURING, "cudaMalloc", "cudaHostAlloc", "cudaMemcpyAsync", "cudaGraphLaunch"}
    for number, name in enumerate(whole, start=1):
        cuda.calls.clear()
        cuda.fails = lambda _, now, number=number: now == number  # type: ignore[misc]
        captured = whole[:number].count("cudaStreamBeginCapture") > whole[: number - 1].count("cudaStreamEndCapture")
        if captured or name in CAPTURING:
            life(engine)
        else:
            with pytest.raises(EngineError, match=rf"CUDA's {name} failed: .* \(cudaErrorLaunchFailure\)"):
                life(engine)
        assert len(cuda.calls) >= number
        engine.close()
        assert not cuda.leaks, (number, name)
    cuda.fails = lambda *_: False
    life(engine)


@pytest.mark.parametrize("name", [*RELEASING, "cudaStreamSynchronize"])
def test_what_cuda_does_not_take_back_is_logged_and_the_rest_is_given_back(
    ready: TensorRTEngine, cuda: FakeCuda, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {"cudaFree": 4, "cudaFreeHost": 3, "cudaStreamDestroy": 1, "cudaStreamSynchronize": 0}
    cuda.fails = lambda called, _: called == name
    ready.close()
    assert caplog.text.count(f"CUDA's {name} failed") == max(1, refused.get(name, len(SIZES)))
    assert cuda.leaks == refused.get(name, len(SIZES))
    for kept in (cuda.on_gpu, cuda.pinned, cuda.queues, cuda.graphs, cuda.instances):
        kept.clear()


def test_a_row_that_somebody_still_looks_at_outlives_the_engine(ready: TensorRTEngine, cuda: FakeCuda) -> None:
    """Memory that is gone under an array would end the process."""
    row = ready.staging[1]
    ready.close()
    assert len(cuda.pinned) == cuda.leaks == 1
    row[:] = 1
    del row
    assert not cuda.leaks


def test_without_cuda_bindings_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_cuda() is runtime
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(UnavailableError, match="cuda-bindings does not load"):
        find_cuda()


def test_without_a_driver_the_real_cuda_says_so() -> None:
    code, _ = runtime.cudaGetDeviceCount()
    if code == runtime.cudaError_t.cudaSuccess:
        pytest.skip("there is a GPU here")
    with pytest.raises(EngineError, match=rf"CUDA's cudaGetDeviceProperties failed: .+ \({code.name}\)"):
        Cuda(runtime).gpu()


@pytest.mark.parametrize("name", [name for name in dir(FakeCuda) if name.startswith("cuda")])
def test_the_fake_takes_what_the_real_one_takes(name: str) -> None:
    """The real functions say in their first line what they take."""
    said = re.match(rf"{name}\((.*)\)", getattr(runtime, name).__doc__)
    assert said
    wanted = len(said[1].split(",")) if said[1] else 0
    assert len(inspect.signature(getattr(FakeCuda(), name)).parameters) == wanted
