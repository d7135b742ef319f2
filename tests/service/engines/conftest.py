"""What the tests of engines share: real clips with their right answers; TensorRT engines that need no GPU.

What these are made of is imported where it is needed: it is not installed everywhere.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from contract.audio import decode, fit
from contract.bundle import FLOAT_GRAPH, INPUT, OUTPUTS, fingerprint
from service.engines.base import Outputs, Samples
from service.engines.tensorrt import TensorRTEngine
from service.model import Graph

if TYPE_CHECKING:
    from tests.contract.fake_tensorrt import Library
    from tests.service.engines.fake_cuda import FakeCuda

ESC10 = Path(__file__).parents[3] / "bundles" / "esc10-resnet"
RATE, WINDOW = 32_000, 160_000
CLIPS = 8


@pytest.fixture(scope="session")
def clips(esc10_mini: Path) -> tuple[Samples, Outputs]:
    """Some real clips, and what ONNX Runtime makes of them in float32 by the graph of esc10-resnet."""
    import onnxruntime

    paths = sorted((esc10_mini / "audio").iterdir())[:: 40 // CLIPS]
    waves = np.stack([fit(decode(path, RATE), WINDOW) for path in paths])
    session = onnxruntime.InferenceSession(ESC10 / FLOAT_GRAPH, providers=["CPUExecutionProvider"])
    return waves, Outputs(*session.run(list(OUTPUTS), {INPUT: waves}))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """One product, as small as the fake TensorRT wants it."""
    import onnx

    from tests.contract.fake_tensorrt import CLASSES, SAMPLES, WIDTH
    from tests.export.conftest import linear_graph

    path = tmp_path_factory.mktemp("bundle") / "model.fp16.onnx"
    onnx.save_model(linear_graph(SAMPLES, CLASSES, WIDTH), path)
    return Graph(path, "float16", fingerprint(path).sha256)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests of a module: their engine is built once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator["FakeCuda"]:
    """A GPU that is none, with few runs of each size; whatever a test took of it must be given back."""
    from tests.service.engines.fake_cuda import FakeCuda

    monkeypatch.setenv("EARSHOT_CACHE", str(cache))
    monkeypatch.setattr("service.engines.tensorrt_batch._WARM_UPS", 1)
    monkeypatch.setattr("service.engines.tensorrt_batch._TIMED_RUNS", 2)
    cuda = FakeCuda()
    yield cuda
    assert not cuda.leaks


@pytest.fixture
def library(cuda: "FakeCuda") -> "Library":
    """A TensorRT that runs on it."""
    from tests.contract.fake_tensorrt import Library

    return Library("tensorrt_rtx", device=cuda)


@pytest.fixture
def make(cuda: "FakeCuda", library: "Library", graph: Graph) -> Iterator[Callable[..., TensorRTEngine]]:
    """Engines that are closed in the end."""
    made: list[TensorRTEngine] = []
    trt = library.module()

    def engine(max_batch: int = 6, note: Callable[[str], None] = lambda _: None) -> TensorRTEngine:
        made.append(TensorRTEngine(graph, max_batch, trt, cuda.module(), note, clock=lambda: cuda.now))
        return made[-1]

    yield engine
    for one in made:
        one.close()


@pytest.fixture
def ready(make: Callable[..., TensorRTEngine]) -> TensorRTEngine:
    """One that is loaded and warm."""
    engine = make()
    engine.load()
    engine.warm_up()
    return engine
