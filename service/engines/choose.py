"""Picks the engine for this machine, and falls back to the next one with a reason that is logged and shown."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

from contract.bundle import WEIGHTS, Bundle
from contract.errors import EarshotError, UnavailableError
from service.cores import cores
from service.engines import onnx
from service.engines.base import Engine, EngineError
from service.model import Graph, ServedModel
from service.profiles import Place, tuned
from service.settings import Settings

BATCH_ON_CPU = 4
"""A CPU computes a batch no faster than its windows one by one, and the first of them waits for the last: handing
over fewer batches is all that is gained."""
BATCH_ON_GPU = 32
STREAMS_ON_GPU = 2
"""While one copies, the other computes."""

GPU_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""What the driver puts there, on Linux and on Linux inside of Windows: a look costs nothing, a library seconds."""

_GRAPHS_FOR_CPU = ("int8", "float32", "float16")
_GRAPHS_FOR_GPU = ("float16", "float32")

_log = logging.getLogger(__name__)
Note = Callable[[str], None]


@dataclass(frozen=True)
class Candidate:
    """An engine that may run here; `make` gives one replica of it, not loaded yet."""

    name: str
    make: Callable[[], Engine]
    replicas: int
    tuned: str
    """What a profile of this machine has to do with it; empty if nothing."""


@dataclass(frozen=True)
class Chosen:
    """Engines that are loaded and warm."""

    engines: list[Engine]
    make: Callable[[], Engine]
    reason: str


def choose(model: ServedModel, settings: Settings, note: Note = _log.info) -> Chosen:
    """Load the first candidate that works; an error that names every one if none does."""
    refusals: list[str] = []
    for name, find in candidates(model, settings, note):
        try:
            candidate = find()
            engines = _loaded(candidate)
        except EarshotError as error:
            note(f"{name} does not run here: {error}")
            refusals.append(f"{name}: {error}")
            continue
        reason = f"fallback: {'; '.join(refusals)}" if refusals else _why(settings)
        return Chosen(engines, candidate.make, reason + candidate.tuned)
    raise EngineError(f"no engine runs {model.name} here: {'; '.join(refusals) or 'settings leave none'}")


def candidates(model: ServedModel, settings: Settings, note: Note) -> Iterator[tuple[str, Callable[[], Candidate]]]:
    """What may run the model, the fastest first; each is looked for only when its turn comes."""
    wants_gpu = settings.device == "cuda" or settings.engine in {"tensorrt", "tensorrt_rtx", "torch"}
    may_be_gpu = wants_gpu or (settings.device == "auto" and any(file.exists() for file in GPU_FILES))
    if may_be_gpu:
        for name in ("tensorrt", "tensorrt_rtx"):
            if settings.engine in {"auto", name}:
                yield name, partial(_tensorrt, name, model, settings, note)
        if settings.engine in {"auto", "torch"}:
            yield "torch", partial(_torch, model, settings, note)
        if settings.engine in {"auto", "onnx"}:
            yield "onnx on CUDA", partial(_onnx, model, settings, onnx.CUDA, note)
    if settings.engine in {"auto", "onnx"} and settings.device != "cuda":
        yield "onnx on the CPU", partial(_onnx, model, settings, onnx.CPU, note)


def _why(settings: Settings) -> str:
    choices = {"engine": settings.engine, "device": settings.device, "precision": settings.precision}
    asked = [f"--{name} {choice}" for name, choice in choices.items() if choice != "auto"]
    return f"as asked by {' '.join(asked)}" if asked else "the fastest that works here"


def _tensorrt(name: str, model: ServedModel, settings: Settings, note: Note) -> Candidate:
    graph = _graph(model, settings, _GRAPHS_FOR_GPU)
    _require_bundle(model)
    from service.engines.tensorrt import TensorRTEngine
    from service.engines.tensorrt_cuda import Cuda, find_cuda

    trt, cuda = _module(name), find_cuda()
    _, gpu = Cuda(cuda).gpu()
    settings, words = tuned(settings, Place.here(name, trt.__version__, gpu, graph.sha256), note)
    max_batch = settings.max_batch or BATCH_ON_GPU
    return Candidate(name, lambda: TensorRTEngine(graph, max_batch, trt, cuda, note), _streams(settings), words)


def _torch(model: ServedModel, settings: Settings, note: Note) -> Candidate:
    bundle = _require_bundle(model)
    from service.engines.torch import TorchEngine, find_gpu

    weights, sha256 = bundle.path(WEIGHTS), bundle.manifest.files[WEIGHTS].sha256
    version, gpu = find_gpu()
    settings, words = tuned(settings, Place.here("torch", version, gpu, sha256), note)
    max_batch = settings.max_batch or BATCH_ON_GPU
    return Candidate("torch", lambda: TorchEngine(weights, sha256, max_batch), _streams(settings), words)


def _onnx(model: ServedModel, settings: Settings, provider: str, note: Note) -> Candidate:
    if not onnx.is_here(provider):
        raise UnavailableError(f"the onnxruntime that is installed has no {provider}: pip install -e '.[gpu]'")
    on_cpu = provider == onnx.CPU
    graph = _graph(model, settings, _GRAPHS_FOR_CPU if on_cpu else _GRAPHS_FOR_GPU)
    place = Place.here("onnx", onnx.version(), onnx.DEVICES[provider], graph.sha256)
    settings, words = tuned(settings, place, note)
    max_batch = settings.max_batch or (BATCH_ON_CPU if on_cpu else BATCH_ON_GPU)
    replicas = (settings.replicas or max(1, cores() // settings.threads)) if on_cpu else _streams(settings)
    shared = onnx.OnnxSession(graph, provider, settings.threads) if settings.threads == 1 else None

    def make() -> Engine:
        session = shared or onnx.OnnxSession(graph, provider, settings.threads)
        return onnx.OnnxEngine(session, max_batch, model.window_samples)

    return Candidate("onnx", make, replicas, words)


def _streams(settings: Settings) -> int:
    return settings.replicas or STREAMS_ON_GPU


def _require_bundle(model: ServedModel) -> Bundle:
    if model.bundle is None:
        raise UnavailableError("it runs bundles only, not a bare ONNX file")
    return model.bundle


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise UnavailableError(f"{name} is not installed, or does not load: pip install -e '.[gpu]'") from error
    except Exception as error:  # the package is there, its libraries are not, or are not as it wants them
        raise UnavailableError(f"{name} is installed, but does not load: {error}") from error


def _graph(model: ServedModel, settings: Settings, order: tuple[str, ...]) -> Graph:
    wanted = order if settings.precision == "auto" else (settings.precision,)
    for precision in wanted:
        if graph := model.graph(precision):
            return graph
    here = ", ".join(graph.precision for graph in model.graphs)
    raise EngineError(f"{model.name} has no graph in {' or '.join(wanted)}; it has {here}")


def _loaded(candidate: Candidate) -> list[Engine]:
    engines: list[Engine] = []
    try:
        for _ in range(candidate.replicas):
            engine = candidate.make()
            engines.append(engine)
            engine.load()
            engine.warm_up()
    except BaseException:
        for engine in engines:
            engine.close()
        raise
    return engines
