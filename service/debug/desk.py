"""Who may look into the model, and when: one at a time, a few waiting, in a process that the first of them starts."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from contract.bundle import WEIGHTS
from service.batcher import Overloaded
from service.debug.worker import LATE, Refusal, Reply, Weights, asked, prepare
from service.model import ServedModel
from service.problems import ProblemError
from service.waiting import in_time

MOST_WAITING = 4
"""Requests, with the one that is looked at; each takes a good part of a second."""


class Desk:
    """Of one service."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._waiting = 0

    async def ask(
        self,
        model: ServedModel,
        work: Callable[..., Reply],
        *details: Any,  # noqa: ANN401
        deadline: float,
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> Reply:
        """What the work finds in the network of this model."""
        weights = weights_of(model)
        if self._waiting >= MOST_WAITING:
            raise Overloaded("Others are looking into the model already.", 1.0)
        self._waiting += 1
        try:
            looking = self._opened().submit(asked, work, weights, deadline, *details)
            found = await in_time(looking, deadline, gone, LATE)
        except BrokenProcessPool:
            self.close()
            raise ProblemError(
                "unavailable", "The process that looks into the model has died; the next request starts another.",
                retry_after=1.0,
            ) from None  # fmt: skip
        finally:
            self._waiting -= 1
        if isinstance(found, Refusal):
            raise ProblemError(found.code, found.detail, found.status)
        return found

    def close(self) -> None:
        """Begin nothing more; what is looked at ends with this process at the latest."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _opened(self) -> ProcessPoolExecutor:
        """Spawned, as a fork would take the threads' locks along without the threads."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), prepare)
        return self._pool


def weights_of(model: ServedModel) -> Weights:
    """Those that the debug path loads."""
    if model.bundle is None:
        raise ProblemError(
            "not_found", "A bare ONNX file is served, and only a bundle has the weights to look into: --bundle."
        )
    return Weights(str(model.bundle.path(WEIGHTS)), model.bundle.manifest.files[WEIGHTS].sha256)
