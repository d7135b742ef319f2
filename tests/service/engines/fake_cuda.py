# ruff: noqa: N802  (the names are CUDA's)
"""CUDA's runtime without a GPU, with the manners of the real one.

Host memory stands for the GPU's, but nothing may touch what was not set aside or was given back. Streams are queues:
what is put on them is done when somebody waits, unless they are in capture. The functions have the names of the real
ones, and a test compares what they take.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tests.contract.fake_tensorrt import Waves

runtime = pytest.importorskip(
    "cuda.bindings.runtime", reason="cuda-bindings is not installed: pip install -e '.[dev]'"
)
Errors = runtime.cudaError_t
CAPTURING = ("cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate")
Work = Callable[[], None]
Answer = tuple[Any, ...]


@dataclass(eq=False)
class Queue:
    """A stream."""

    waiting: list[Work] = field(default_factory=list)
    recording: list[Work] | None = None
    spoilt: bool = False
    """By a call that a capture does not bear."""


@dataclass(frozen=True)
class Graph:
    """What was recorded."""

    work: tuple[Work, ...]


def function(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Note the call, let time pass, and fail if it is this one's turn."""

    @wraps(method)
    def called(self: "FakeCuda", *arguments: Any) -> Answer:  # noqa: ANN401
        name = method.__name__
        self.calls.append((name, arguments))
        self.now += self.seconds.get(name, 1e-6)
        if self.fails(name, len(self.calls)):
            if name == "cudaStreamEndCapture":  # whatever else it returns, it ends the capture
                self.queues[int(arguments[0])].recording = None
            return (self.error, None) if name in _GIVERS else (self.error,)
        return method(self, *arguments)

    return called


_GIVERS = {
    "cudaGetDeviceProperties",
    "cudaStreamCreateWithFlags",
    "cudaMalloc",
    "cudaHostAlloc",
    "cudaStreamEndCapture",
    "cudaGraphInstantiate",
}


@dataclass
class FakeCuda:
    """Stands for the module cuda.bindings.runtime, and is the device of a fake TensorRT."""

    capability: tuple[int, int] = (8, 6)
    fails: Callable[[str, int], bool] = lambda _name, _number: False
    """Whether this call is to fail, by its name and its number."""
    error: Any = Errors.cudaErrorLaunchFailure
    seconds: dict[str, float] = field(default_factory=dict)
    """How long a function keeps its caller."""
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    now: float = 0.0
    """Of a clock that only calls move."""
    on_gpu: dict[int, Any] = field(default_factory=dict)
    """Blocks of memory that were set aside, by address."""
    pinned: dict[int, Any] = field(default_factory=dict)
    queues: dict[int, Queue] = field(default_factory=dict)
    graphs: dict[int, Graph] = field(default_factory=dict)
    instances: dict[int, Graph] = field(default_factory=dict)
    _handles: int = 0

    def module(self) -> ModuleType:
        """As an engine sees it: nothing but the names of the real one."""
        mine = {name: getattr(self, name) for name in dir(type(self)) if name.startswith("cuda")}
        return cast("ModuleType", SimpleNamespace(**{name: getattr(runtime, name) for name in _CONSTANTS}, **mine))

    def names(self) -> list[str]:
        """Of the functions that were called, in order."""
        return [name for name, _ in self.calls]

    @property
    def leaks(self) -> int:
        """How many things nobody has given back."""
        return sum(map(len, (self.on_gpu, self.pinned, self.queues, self.graphs, self.instances)))

    def put(self, stream: int, work: Work) -> bool:
        """As a Device of a fake TensorRT: recorded or queued."""
        queue = self.queues[stream]
        if queue.spoilt:
            return False
        (queue.waiting if queue.recording is None else queue.recording).append(work)
        return True

    def array(self, address: int, shape: tuple[int, ...]) -> Waves:
        """What lies there on the GPU, as float32."""
        count = int(np.prod(shape))
        assert self.holds(address, 4 * count), "memory that nobody has set aside"
        block = (ctypes.c_float * count).from_address(address)
        return np.ctypeslib.as_array(block).reshape(shape)

    def holds(self, address: int, size: int) -> bool:
        """Whether so many bytes were set aside there on the GPU."""
        return _within(self.on_gpu, address, size)

    @function
    def cudaGetDeviceProperties(self, _device: int) -> Answer:
        major, minor = self.capability
        return Errors.cudaSuccess, SimpleNamespace(major=major, minor=minor, name=b"NVIDIA A10G\0\0")

    def cudaGetErrorString(self, error: Any) -> Answer:  # noqa: ANN401
        return cast("Answer", runtime.cudaGetErrorString(error))

    @function
    def cudaStreamCreateWithFlags(self, flags: int) -> Answer:
        assert flags == runtime.cudaStreamNonBlocking
        handle = self._handle()
        self.queues[handle] = Queue()
        return Errors.cudaSuccess, runtime.cudaStream_t(handle)

    @function
    def cudaStreamDestroy(self, stream: Any) -> Answer:  # noqa: ANN401
        del self.queues[int(stream)]
        return (Errors.cudaSuccess,)

    @function
    def cudaStreamSynchronize(self, stream: Any) -> Answer:  # noqa: ANN401
        queue = self.queues[int(stream)]
        if queue.recording is not None:
            queue.spoilt = True
            return (Errors.cudaErrorStreamCaptureUnsupported,)
        waiting, queue.waiting = queue.waiting, []
        for work in waiting:
            work()
        return (Errors.cudaSuccess,)

    @function
    def cudaMalloc(self, size: int) -> Answer:
        return self._allocated(self.on_gpu, size)

    @function
    def cudaFree(self, address: int) -> Answer:
        del self.on_gpu[address]
        return (Errors.cudaSuccess,)

    @function
    def cudaHostAlloc(self, size: int, flags: int) -> Answer:
        assert flags == runtime.cudaHostAllocDefault
        return self._allocated(self.pinned, size)

    @function
    def cudaFreeHost(self, address: int) -> Answer:
        del self.pinned[address]
        return (Errors.cudaSuccess,)

    @function
    def cudaMemcpyAsync(self, destination: int, source: int, size: int, kind: Any, stream: Any) -> Answer:  # noqa: ANN401
        there = kind == runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        assert there or kind == runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        host, gpu = (source, destination) if there else (destination, source)

        def copy() -> None:
            assert self.holds(gpu, size), "memory that nobody has set aside"
            assert _within(self.pinned, host, size), "memory that is not pinned makes a copy wait"
            ctypes.memmove(destination, source, size)

        assert self.put(int(stream), copy)
        return (Errors.cudaSuccess,)

    @function
    def cudaStreamBeginCapture(self, stream: Any, mode: Any) -> Answer:  # noqa: ANN401
        queue = self.queues[int(stream)]
        assert mode == runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        assert queue.recording is None
        assert not queue.waiting
        queue.recording = []
        return (Errors.cudaSuccess,)

    @function
    def cudaStreamEndCapture(self, stream: Any) -> Answer:  # noqa: ANN401
        queue = self.queues[int(stream)]
        recorded, spoilt = queue.recording, queue.spoilt
        queue.recording, queue.spoilt = None, False
        if recorded is None or spoilt:
            return Errors.cudaErrorStreamCaptureInvalidated, None
        return Errors.cudaSuccess, self._kept(self.graphs, Graph(tuple(recorded)))

    @function
    def cudaGraphInstantiate(self, graph: int, flags: int) -> Answer:
        assert flags == 0
        return Errors.cudaSuccess, self._kept(self.instances, self.graphs[graph])

    @function
    def cudaGraphLaunch(self, instance: int, stream: Any) -> Answer:  # noqa: ANN401
        for work in self.instances[instance].work:
            assert self.put(int(stream), work)
        return (Errors.cudaSuccess,)

    @function
    def cudaGraphDestroy(self, graph: int) -> Answer:
        del self.graphs[graph]
        return (Errors.cudaSuccess,)

    @function
    def cudaGraphExecDestroy(self, instance: int) -> Answer:
        del self.instances[instance]
        return (Errors.cudaSuccess,)

    def _allocated(self, among: dict[int, Any], size: int) -> Answer:
        assert size > 0
        if any(queue.recording is not None for queue in self.queues.values()):
            return Errors.cudaErrorStreamCaptureUnsupported, None
        block = (ctypes.c_char * size).from_buffer(bytearray(b"\xff" * size))  # as float32 no numbers
        address = ctypes.addressof(block)
        among[address] = block
        return Errors.cudaSuccess, address

    def _kept(self, among: dict[int, Graph], graph: Graph) -> int:
        handle = self._handle()
        among[handle] = graph
        return handle

    def _handle(self) -> int:
        self._handles += 1
        return self._handles


_CONSTANTS = (
    "cudaError_t",
    "cudaHostAllocDefault",
    "cudaMemcpyKind",
    "cudaStreamCaptureMode",
    "cudaStreamNonBlocking",
)


def _within(blocks: dict[int, Any], address: int, size: int) -> bool:
    return any(start <= address and address + size <= start + len(block) for start, block in blocks.items())
