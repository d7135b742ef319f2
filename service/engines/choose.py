"""Picks the engine for this machine, and falls back to the next one with a reason that is logged and shown."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from contract.errors import EarshotError
from service.engines import onnx
from service.engines.base import Engine, EngineError
from service.model import Graph, ServedModel
from service.settings import Settings

BATCH_ON_CPU = 8
"""A CPU gains little by batches, but hands over fewer of them."""
BATCH_ON_GPU = 32
STREAMS_ON_GPU = 2
"""While one copies, the other computes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """An engine that may run here; `make` gives one replica of it, not loaded yet."""

    name: str
    make: Callable[[], Engine]
    replicas: int


@dataclass(frozen=True)
class Chosen:
    """Engines that are loaded and warm."""

    engines: list[Engine]
    make: Callable[[], Engine]
    reason: str


def choose(model: ServedModel, settings: Settings, note: Callable[[str], None] = _log.info) -> Chosen:
    """Load the first candidate that works; an error that names every one if none does."""
    refusals: list[str] = []
    for candidate in candidates(model, settings, refusals, note):
        try:
            engines = _loaded(candidate)
        except EarshotError as error:
            note(f"{candidate.name} does not run here: {error}")
            refusals.append(f"{candidate.name}: {error}")
            continue
        reason = f"fallback: {'; '.join(refusals)}" if refusals else "the first choice here"
        return Chosen(engines, candidate.make, reason)
    raise EngineError(f"no engine runs {model.name} here: {'; '.join(refusals) or 'none was found'}")


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def candidates(
    model: ServedModel, settings: Settings, refusals: list[str], note: Callable[[str], None]
) -> Iterator[Candidate]:
    """In the order of their speed; those that are not here are named in `refusals`."""
    if settings.device != "cpu":
        yield from _gpu_candidates(model, settings, refusals, note)
    if settings.engine in {"auto", "onnx"} and settings.device != "cuda":
        yield _onnx_candidate(model, settings, onnx.CPU)


def _gpu_candidates(
    model: ServedModel, settings: Settings, refusals: list[str], note: Callable[[str], None]
) -> Iterator[Candidate]:
    for name in ("tensorrt", "tensorrt_rtx", "torch"):
        if settings.engine not in {"auto", name}:
            continue
        module = name if name == "torch" else f"{name}"
        if find_spec(module) is None:
            if settings.engine == name:
                refusals.append(f"{name} is not installed: pip install 'earshot[gpu]'")
            continue
        yield from _gpu_candidate(name, model, settings, note)
    if settings.engine in {"auto", "onnx"} and onnx.is_here(onnx.CUDA):
        yield _onnx_candidate(model, settings, onnx.CUDA)
    elif settings.engine == "onnx" and settings.device == "cuda":
        refusals.append("the onnxruntime that is installed has no CUDA: pip install 'earshot[gpu]'")


def _gpu_candidate(
    name: str, model: ServedModel, settings: Settings, note: Callable[[str], None]
) -> Iterator[Candidate]:
    """Filled in where the GPU engines are."""
    del name, model, settings, note
    yield from ()


def _onnx_candidate(model: ServedModel, settings: Settings, provider: str) -> Candidate:
    on_cpu = provider == onnx.CPU
    graph = _graph(model, settings, ("int8", "float32", "float16") if on_cpu else ("float16", "float32"))
    max_batch = settings.max_batch or (BATCH_ON_CPU if on_cpu else BATCH_ON_GPU)
    replicas = settings.replicas or (max(1, cores() // settings.threads) if on_cpu else STREAMS_ON_GPU)
    shared = onnx.OnnxSession(graph, provider, settings.threads) if settings.threads == 1 else None

    def make() -> Engine:
        session = shared or onnx.OnnxSession(graph, provider, settings.threads)
        return onnx.OnnxEngine(session, max_batch, model.window_samples)

    return Candidate(f"onnx on {'the CPU' if on_cpu else 'CUDA'}", make, replicas)


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
