"""The engines for GPUs on a real one: answers to real clips, in every batch size."""

from collections.abc import Callable

import numpy as np
import pytest

from contract.bundle import HALF_GRAPH, WEIGHTS, fingerprint
from contract.errors import UnavailableError
from contract.tensorrt_kept import find_library
from service.engines.base import Engine, Outputs, Samples
from service.engines.tensorrt import TensorRTEngine
from service.engines.torch import TorchEngine
from service.model import Graph
from tests.service.engines.conftest import CLIPS, ESC10

pytestmark = pytest.mark.gpu
MOST = 6


def tensorrt_engine() -> Engine:
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="needs cuda-bindings: pip install -e '.[gpu]'")
    if runtime.cudaGetDeviceCount()[0] != runtime.cudaError_t.cudaSuccess:
        pytest.skip("needs an NVIDIA GPU")
    if (trt := find_library()) is None:
        pytest.skip("needs TensorRT: pip install -e '.[gpu]'")
    path = ESC10 / HALF_GRAPH
    return TensorRTEngine(Graph(path, "float16", fingerprint(path).sha256), MOST, trt, runtime, print)


def torch_engine() -> Engine:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    return TorchEngine(ESC10 / WEIGHTS, "0" * 64, MOST)


@pytest.mark.parametrize("make", [tensorrt_engine, torch_engine])
def test_answers_to_real_clips_are_those_of_the_float32_graph(
    make: Callable[[], Engine], clips: tuple[Samples, Outputs]
) -> None:
    """Before and after the warm-up, which captures; two replicas in turn; and once more after a second load."""
    one, other = make(), make()
    try:
        one.load()
        assert_right(one, clips)
        one.warm_up()
        other.load()
        other.warm_up()
        for engine in (one, other, one):
            assert_right(engine, clips)
        one.load()
        assert_right(one, clips)
        one.close()
        assert_right(other, clips)
        assert other.describe().device not in {"", "cpu"}
    except UnavailableError as error:
        pytest.skip(str(error))
    finally:
        one.close()
        other.close()


def assert_right(engine: Engine, clips: tuple[Samples, Outputs]) -> None:
    waves, wanted = clips
    for count in range(1, MOST + 1):
        order = np.arange(count, 2 * count) % CLIPS
        engine.staging[:] = np.nan
        engine.staging[:count] = waves[order]
        found = engine.infer(count)
        assert np.abs(found.logits - wanted.logits[order]).max() < 0.1
        assert (found.logits.argmax(1) == wanted.logits[order].argmax(1)).all()
        assert found.embedding is not None
        assert found.embedding.shape == (count, wanted.embedding.shape[1] if wanted.embedding is not None else 0)
