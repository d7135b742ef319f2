"""TensorRT's own runtime, without PyTorch: pinned staging memory, a stream of its own, CUDA graphs where they win."""

import logging
import math
import time
from collections.abc import Callable
from threading import Lock
from types import ModuleType
from weakref import WeakValueDictionary

import numpy as np

from contract.bundle import OUTPUTS
from contract.engine_file import Note, Profile
from contract.tensorrt import BuildProgress
from contract.tensorrt_kept import PROPER_NAMES, kept_engine, profiles_up_to
from contract.tensorrt_plan import Plan, unsupported
from service.engines.base import EngineFacts, Outputs, Samples
from service.engines.gpu import batch_sizes, closed_if_it_fails, failures, size_for
from service.engines.tensorrt_batch import Batch
from service.engines.tensorrt_cuda import Cuda, Stream
from service.model import Graph

_NOTE_EVERY_S = 10.0
"""Seconds between two words on how far a build is: a log wants few."""

_log = logging.getLogger(__name__)
_plans: "WeakValueDictionary[tuple[ModuleType, str, str, tuple[Profile, ...]], Plan]" = WeakValueDictionary()
"""Those that replicas of this process use now: weights and kernels lie on the GPU once, for all of them."""
_plans_lock = Lock()


class TensorRTEngine:
    """One replica: a stream, memory and contexts of its own, on a plan that it shares with its like."""

    staging: Samples
    """Pinned memory, new after each `load`."""
    _stream: Stream | None
    _plan: Plan | None

    def __init__(
        self,
        graph: Graph,
        max_batch: int,
        trt: ModuleType,
        cuda: ModuleType,
        note: Note = _log.info,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`trt`: tensorrt or tensorrt_rtx; `cuda`: cuda.bindings.runtime; `note`: told while an engine is built."""
        self._graph = graph
        self._sizes = batch_sizes(max_batch)
        self._trt = trt
        self._cuda = Cuda(cuda)
        self._note = note
        self._clock = clock
        self._gpu = ""
        self._forget()

    def load(self) -> None:
        """Build the engine or find it where it was kept, and take all that it needs of the GPU."""
        self.close()
        with closed_if_it_fails(self, self._name):
            capability, self._gpu = self._cuda.gpu()
            self._plan = self._shared_plan(capability)
            self._stream = Stream(self._cuda)
            self._prepare(self._plan, self._stream)

    def warm_up(self) -> None:
        """Run every size that was prepared, and capture it where that is faster."""
        with closed_if_it_fails(self, self._name):
            for batch in self._batches.values():
                batch.warm_up(self._clock)

    def infer(self, count: int) -> Outputs:
        """Run the first rows of `staging`; those behind them, up to a prepared size, are computed in vain."""
        with failures(self._name):
            self._batches[size_for(count, self._sizes)].run()
        logits, *rest = (answer[:count].copy() for answer in self._answers)
        return Outputs(logits, rest[0] if rest else None)

    def describe(self) -> EngineFacts:
        """What this is; the GPU is known after `load`."""
        graph = self._graph
        return EngineFacts(
            self._trt.__name__, self._trt.__version__, graph.precision, self._gpu, graph.path.name, graph.sha256
        )

    def close(self) -> None:
        """Give back what it holds; what of `staging` somebody still looks at, stays until he does not."""
        stream = self._stream
        if stream is not None:
            stream.settle()
        self._forget()  # contexts before the memory that they work in
        if stream is not None:
            stream.close()

    @property
    def _name(self) -> str:
        return PROPER_NAMES[self._trt.__name__]

    def _forget(self) -> None:
        self.staging = np.empty((0, 0), np.float32)
        self._answers: tuple[Samples, ...] = ()
        self._batches: dict[int, Batch] = {}
        self._stream = None
        self._plan = None

    def _shared_plan(self, capability: tuple[int, int]) -> Plan:
        """Made by the first replica that asks; the others wait for it meanwhile."""
        profiles = profiles_up_to(self._sizes[-1])
        key = (self._trt, self._gpu, self._graph.sha256, profiles)
        with _plans_lock:
            plan = _plans.get(key)
            if plan is None:
                _plans[key] = plan = self._new_plan(profiles, capability)
            return plan

    def _new_plan(self, profiles: tuple[Profile, ...], capability: tuple[int, int]) -> Plan:
        onnx_bytes = self._graph.path.read_bytes()
        progress = _now_and_then(self._note, self._clock)
        ready = kept_engine(self._trt, onnx_bytes, profiles, capability, self._gpu, self._note, progress)
        return Plan(self._trt, ready.plan, profiles, unsupported(self._trt, capability))

    def _prepare(self, plan: Plan, stream: Stream) -> None:
        """Buffers for the largest batch, which all sizes use, and a context for each size."""
        workspace = stream.memory(plan.workspace_bytes)
        contexts = {size: plan.context(size, stream.handle, workspace) for size in self._sizes}
        largest = contexts[self._sizes[-1]]
        asked = _asked(plan.outputs)
        self.staging = stream.pinned(largest.shape(plan.input))
        self._answers = tuple(stream.pinned(largest.shape(name)) for name in asked)
        places = {name: stream.memory(_bytes(largest.shape(name))) for name in (plan.input, *plan.outputs)}
        for size, context in contexts.items():
            for name, place in places.items():
                context.bind(name, place)
            there = stream.there(places[plan.input], self.staging[:size])
            answers = zip(self._answers, asked, strict=True)
            back = tuple(stream.back(answer[:size], places[name]) for answer, name in answers)
            self._batches[size] = Batch(size, stream, context, there, back)


def _asked(outputs: tuple[str, ...]) -> tuple[str, ...]:
    """Scores, which a graph that is no bundle's gives first, and the embedding where there is one."""
    logits, embedding = OUTPUTS
    scores = logits if logits in outputs else outputs[0]
    return (scores, embedding) if embedding in outputs else (scores,)


def _bytes(shape: tuple[int, ...]) -> int:
    return math.prod(shape) * np.dtype(np.float32).itemsize


def _now_and_then(note: Note, clock: Callable[[], float]) -> BuildProgress:
    """Say how far a build is, but not each of its hundreds of steps."""
    told = clock()

    def progress(phase: str, done: int, total: int) -> None:
        nonlocal told
        if clock() - told >= _NOTE_EVERY_S:
            told = clock()
            note(f"{phase}: {done} of {total}")

    return progress
