"""How a request waits for its windows: woken when the job ends, gone from the line when its client is."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from service.batcher import Batcher
from service.jobs import End, Job
from service.judge import Row
from service.problems import ProblemError
from service.reception import Departing

Result = TypeVar("Result")


class ClientGone(Exception):  # noqa: N818  (it says what happened)
    """Nobody waits for the answer any more."""


def announcer(loop: asyncio.AbstractEventLoop) -> Callable[[list[Job]], None]:
    """Wakes those that wait, whatever thread a job ended on."""

    def wake(jobs: list[Job]) -> None:
        for job in jobs:
            if not job.waiter.done():
                job.waiter.set_result(None)

    def announce(jobs: list[Job]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(wake, jobs)

    return announce


async def in_time(
    work: "Future[Result]",
    deadline: float,
    gone: Callable[[], Awaitable[None]] | None = None,
    late: str = "The sound was not decoded before the deadline of its request.",
) -> Result:
    """What the work on another thread gives. If it has not begun by its deadline, or nobody waits, it never does."""
    waiting = asyncio.wrap_future(work)
    leaving = asyncio.create_task(_forever(gone))
    try:
        ends: set[asyncio.Future[Any]] = {waiting, leaving}
        patience = max(0.0, deadline - time.monotonic())
        await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        if leaving.done():
            raise ClientGone
        raise ProblemError("deadline_exceeded", late)
    finally:
        leaving.cancel()
        waiting.cancel()


async def answered(batcher: Batcher, job: Job, departing: Departing | None = None) -> list[Row]:
    """Submit the job and wait for its end; it is taken out of the line when its client is `departing`."""
    loop = asyncio.get_running_loop()
    job.waiter = loop.create_future()
    batcher.submit(job)
    timer = loop.call_later(job.deadline - time.monotonic(), batcher.line.expire, job)
    stays = departing(partial(batcher.line.cancel, job)) if departing else None
    try:
        await job.waiter
    finally:
        timer.cancel()
        if stays is not None:
            stays()
        batcher.line.cancel(job)
    match job.end:
        case End.ANSWERED if job.finished <= job.deadline:
            return job.rows
        case End.ANSWERED | End.EXPIRED:  # on a busy machine, an answer may overtake the timer that comes too late
            raise ProblemError("deadline_exceeded", "The engine did not come to it before its deadline.")
        case End.CANCELLED:
            raise ClientGone
        case _:
            raise job.error or RuntimeError("a job failed without an error")


async def _forever(gone: Callable[[], Awaitable[None]] | None) -> None:
    await (asyncio.Event().wait() if gone is None else gone())
