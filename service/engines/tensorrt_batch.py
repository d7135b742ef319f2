"""Batches of one size by TensorRT: there, through the plan, and back; one by one, or at once as a CUDA graph."""

import logging
import statistics
from collections.abc import Callable
from typing import Any

from contract.errors import EarshotError
from contract.tensorrt_plan import Context
from service.engines.tensorrt_cuda import Copy, Stream

_WARM_UPS = 3
"""Before anything is captured or timed: libraries allocate and compile in their first runs."""
_TIMED_RUNS = 20
"""Of each way; their median does not feel a few that were disturbed."""

_log = logging.getLogger(__name__)


class Batch:
    """Runs batches of this size on buffers that stay where they are."""

    def __init__(self, size: int, stream: Stream, context: Context, there: Copy, back: tuple[Copy, ...]) -> None:
        self._size = size
        self._stream = stream
        self._context = context
        self._there = there
        self._back = back
        self._graph: Any = None

    def run(self) -> None:
        """In the faster way; done when this returns."""
        if self._graph is None:
            self._plainly()
        else:
            self._by(self._graph)

    def warm_up(self, clock: Callable[[], float]) -> None:
        """Run, and find out whether a CUDA graph is faster at this size."""
        for _ in range(_WARM_UPS):
            self._plainly()
        try:
            graph = self._stream.capture(self._enqueue)
        except EarshotError as error:  # the plan runs as well without: if it does not, the next run says so
            _log.info("batches of %d run without a CUDA graph: %s", self._size, error)
            self._plainly()
            return
        plain, captured = _medians(clock, self._plainly, lambda: self._by(graph))
        self._graph = graph if captured <= plain else None
        _log.debug(
            "batches of %d: %.3f ms plainly, %.3f ms as a CUDA graph: %s",
            self._size, 1e3 * plain, 1e3 * captured, "captured" if self._graph else "plain",
        )  # fmt: skip

    def _enqueue(self) -> None:
        self._stream.copy(self._there)
        self._context.enqueue(self._stream.handle)
        for copy in self._back:
            self._stream.copy(copy)

    def _plainly(self) -> None:
        self._enqueue()
        self._stream.wait()

    def _by(self, graph: Any) -> None:  # noqa: ANN401
        self._stream.launch(graph)
        self._stream.wait()


def _medians(clock: Callable[[], float], *ways: Callable[[], None]) -> tuple[float, ...]:
    """Seconds that each of these takes, tried in turn, so that a clock that rises favours none."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(_TIMED_RUNS):
        for way, times in zip(ways, taken, strict=True):
            start = clock()
            way()
            times.append(clock() - start)
    return tuple(map(statistics.median, taken))
