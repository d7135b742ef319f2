"""CUDA's runtime by the library cuda-bindings: every call is checked, and all that is taken is given back."""

import ctypes
import logging
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from contract.errors import UnavailableError
from service.engines.base import EngineError, Samples

_log = logging.getLogger(__name__)


def find_cuda() -> ModuleType:
    """CUDA's runtime, where it is installed."""
    try:
        return import_module("cuda.bindings.runtime")
    except (ImportError, OSError) as error:  # OSError: the package is there, its libraries are not
        raise UnavailableError(f"cuda-bindings does not load ({error}): pip install -e '.[gpu]'") from error


class Cuda:
    """The library, whose functions return error codes."""

    def __init__(self, runtime: ModuleType) -> None:
        self.runtime = runtime

    def __call__(self, function: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call this function; its result, or the error that it returned."""
        code, *results = getattr(self.runtime, function)(*arguments)
        if code != self.runtime.cudaError_t.cudaSuccess:
            _, reason = self.runtime.cudaGetErrorString(code)
            raise EngineError(f"CUDA's {function} failed: {reason.decode()} ({code.name})")
        return results[0] if results else None

    def try_to(self, function: str, handle: object) -> None:
        """Call this function on the way out: where it fails, nothing more can be done than to say so."""
        try:
            self(function, handle)
        except EngineError as error:
            _log.warning("%s", error)

    def gpu(self) -> tuple[tuple[int, int], str]:
        """Compute capability and name of the first GPU that this process may use."""
        facts = self("cudaGetDeviceProperties", 0)
        return (facts.major, facts.minor), facts.name.partition(b"\0")[0].decode()


@dataclass(frozen=True)
class Copy:
    """From one address to another, over the bus."""

    destination: int
    source: int
    size: int
    kind: Any


class Stream:
    """A stream of its own, and the memory that is used on it."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._taken: list[tuple[str, Any]] = []
        self._stream = self._take(
            "cudaStreamDestroy", "cudaStreamCreateWithFlags", cuda.runtime.cudaStreamNonBlocking
        )
        self.handle = int(self._stream)

    def memory(self, size: int) -> int:
        """Address of so many bytes on the GPU."""
        address: int = self._take("cudaFree", "cudaMalloc", max(1, size))
        return address

    def pinned(self, shape: tuple[int, ...]) -> Samples:
        """Zeros in host memory that the GPU reads and writes by itself.

        They are given back when nobody looks at them any more, be it after the stream: memory that is gone under an
        array would end the process.
        """
        size = math.prod(shape) * np.dtype(np.float32).itemsize
        address = self._cuda("cudaHostAlloc", size, self._cuda.runtime.cudaHostAllocDefault)
        block = (ctypes.c_byte * size).from_address(address)
        weakref.finalize(block, self._cuda.try_to, "cudaFreeHost", address).atexit = False
        array: Samples = np.frombuffer(memoryview(block), np.float32).reshape(shape)
        array.fill(0)
        return array

    def there(self, device: int, host: Samples) -> Copy:
        """What takes this array to this place on the GPU."""
        return Copy(device, host.ctypes.data, host.nbytes, self._cuda.runtime.cudaMemcpyKind.cudaMemcpyHostToDevice)

    def back(self, host: Samples, device: int) -> Copy:
        """What fills this array from this place on the GPU."""
        return Copy(host.ctypes.data, device, host.nbytes, self._cuda.runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost)

    def copy(self, copy: Copy) -> None:
        """Put a copy on the stream."""
        self._cuda("cudaMemcpyAsync", copy.destination, copy.source, copy.size, copy.kind, self._stream)

    def wait(self) -> None:
        """Until all is done that was put on the stream."""
        self._cuda("cudaStreamSynchronize", self._stream)

    def settle(self) -> None:
        """The same on the way out, whatever became of it."""
        self._cuda.try_to("cudaStreamSynchronize", self._stream)

    def capture(self, enqueue: Callable[[], None]) -> Any:  # noqa: ANN401
        """A CUDA graph of all that this puts on the stream, which is not done yet.

        Of this thread only: other engines may allocate meanwhile.
        """
        mode = self._cuda.runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._cuda("cudaStreamBeginCapture", self._stream, mode)
        try:
            enqueue()
        finally:  # a stream that stays in capture can do nothing else
            graph = self._take("cudaGraphDestroy", "cudaStreamEndCapture", self._stream)
        return self._take("cudaGraphExecDestroy", "cudaGraphInstantiate", graph, 0)

    def launch(self, graph: Any) -> None:  # noqa: ANN401
        """Put a captured graph on the stream."""
        self._cuda("cudaGraphLaunch", graph, self._stream)

    def close(self) -> None:
        """Give back all but pinned memory, the last first."""
        while self._taken:
            self._cuda.try_to(*self._taken.pop())

    def _take(self, back: str, function: str, *arguments: object) -> Any:  # noqa: ANN401
        """What this function gives, to be given back by that one."""
        taken = self._cuda(function, *arguments)
        self._taken.append((back, taken))
        return taken
