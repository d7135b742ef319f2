"""Who may look into the model, and when: one at a time, a few waiting, and nothing loaded before the first comes.

The thread that looks runs after those that serve, so that answers are not late because somebody is curious.
"""

import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from contract.bundle import WEIGHTS
from service.batcher import Overloaded
from service.priority import compute_later
from service.problems import ProblemError
from service.serving import Serving
from service.waiting import in_time

if TYPE_CHECKING:
    from service.debug.network import DebugNetwork

MOST_WAITING = 4
"""Requests, with the one that is looked at; each takes a good part of a second."""

LATE = "The debug path did not come to it before its deadline."

T = TypeVar("T")


class Desk:
    """Of one service."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "debug", initializer=compute_later)
        self._of: Serving | None = None
        self._network: DebugNetwork | None = None
        self._waiting = 0

    async def ask(
        self,
        serving: Serving,
        work: "Callable[[DebugNetwork], T]",
        deadline: float,
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """What the work finds in the network of this model."""
        if self._waiting >= MOST_WAITING:
            raise Overloaded("Others are looking into the model already.", 1.0)
        self._waiting += 1
        try:
            return await in_time(self._pool.submit(self._looked, serving, work, deadline), deadline, gone, LATE)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _looked(self, serving: Serving, work: "Callable[[DebugNetwork], T]", deadline: float) -> T:
        if self._of is not serving or self._network is None:
            self._network = None  # before there are two
            self._network, self._of = _network_of(serving), serving
        if time.monotonic() > deadline:
            raise ProblemError("deadline_exceeded", LATE)
        return work(self._network)


def _network_of(serving: Serving) -> "DebugNetwork":
    bundle = serving.model.bundle
    if bundle is None:
        raise ProblemError(
            "not_found", "A bare ONNX file is served, and only a bundle has the weights to look into: --bundle."
        )
    try:
        import torch

        from service.debug.network import DebugNetwork
    except ImportError as error:
        raise ProblemError(
            "unavailable", f"The debug path needs {error.name}, not installed here: pip install 'earshot[debug]'"
        ) from None
    torch.set_num_threads(1)
    return DebugNetwork(bundle.path(WEIGHTS))
