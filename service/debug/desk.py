"""Who may look into the model, and when: one at a time, a few waiting, in a process that the first of them starts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from contract.bundle import WEIGHTS
from service.batcher import Overloaded
from service.debug.worker import LATE, Refusal, Reply, Weights, asked, prepare
from service.model import ServedModel
from service.problems import ProblemError
from service.waiting import in_time

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

MOST_WAITING = 4
"""Requests, with the one that is looked at; each takes a good part of a second."""


class Desk:
    """Of one service.

    Nothing lies in the executor but what is looked at: what is left behind there is counted by nobody.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._free = asyncio.Semaphore()
        self._places = 0

    @contextmanager
    def place(self, model: ServedModel) -> Iterator[Weights]:
        """One of the few that may wait, to be had before anything is spent on a request."""
        weights = weights_of(model)
        if self._places >= MOST_WAITING:
            raise Overloaded("Others are looking into the model already.", 1.0)
        self._places += 1
        try:
            yield weights
        finally:
            self._places -= 1

    async def ask(
        self,
        weights: Weights,
        work: Callable[..., Reply],
        *details: Any,  # noqa: ANN401
        deadline: float,
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> Reply:
        """What the work finds in the network with these weights."""
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self._free.acquire()
        except TimeoutError:
            raise ProblemError("deadline_exceeded", LATE) from None
        pool = self._opened()
        try:
            looking = self._begun(pool, work, weights, deadline, *details)
            found = await in_time(looking, deadline, gone, LATE)
        except BrokenExecutor:
            if self._pool is pool:
                self.close()
            raise ProblemError(
                "unavailable", "The process that looks into the model has died; the next request starts another.",
                retry_after=1.0,
            ) from None  # fmt: skip
        if isinstance(found, Refusal):
            raise ProblemError(found.code, found.detail, found.status)
        return found

    def close(self) -> None:
        """Begin nothing more; what is looked at ends with this process at the latest."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _begun(self, pool: "ProcessPoolExecutor", *order: Any) -> "Future[Reply | Refusal]":  # noqa: ANN401
        try:
            looking = pool.submit(asked, *order)
        except BaseException:
            self._free.release()
            raise
        looking.add_done_callback(partial(self._is_over, asyncio.get_running_loop()))
        return looking

    def _is_over(self, loop: asyncio.AbstractEventLoop, _: object) -> None:
        """Whether or not somebody still waited for it."""
        with suppress(RuntimeError):  # the loop is closed: nobody comes any more
            loop.call_soon_threadsafe(self._free.release)

    def _opened(self) -> "ProcessPoolExecutor":
        """Spawned, as a fork would take the threads' locks along without the threads."""
        from concurrent.futures import ProcessPoolExecutor  # here, as most services are never looked into
        from multiprocessing import get_context

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
