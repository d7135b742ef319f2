"""How a request waits for its job: it is told on its own loop, and whoever stops waiting takes the job along."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from threading import Thread, get_ident
from typing import Any

import pytest

from service.batcher import Batcher, Bounds, NoEngine
from service.jobs import End, EngineFailure, Job
from service.problems import ProblemError
from service.waiting import ClientGone, announcer, answered
from tests.service.batching import job
from tests.service.engines.fakes import PATIENCE_S, POISON, Works, answer_to, rows, window


@asynccontextmanager
async def batching(works: Works) -> AsyncIterator[Batcher]:
    """A batcher that tells this loop, as the service's does."""
    batcher = Batcher(works.ready(), works.make, rows, announcer(asyncio.get_running_loop()), Bounds())
    batcher.start()
    try:
        yield batcher
    finally:
        works.open()
        await asyncio.to_thread(batcher.drain, PATIENCE_S)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nobody waits any more"


def run(story: Callable[[Works, Batcher], Awaitable[None]]) -> Works:
    """On a loop of its own."""
    works = Works()

    async def told() -> None:
        async with batching(works) as batcher:
            await asyncio.wait_for(story(works, batcher), PATIENCE_S)

    asyncio.run(told())
    return works


async def held(works: Works, batcher: Batcher, one: Job, **options: Any) -> "asyncio.Task[Any]":  # noqa: ANN401
    """Somebody who waits for a job that an engine has and does not come back with."""
    works.computing.hold()
    task = started(answered(batcher, one, **options))
    await asyncio.to_thread(works.computing.wait_until_held)
    return task


class Departure:
    """A client who may hang up."""

    def __init__(self) -> None:
        self._act: Callable[[], None] | None = None

    def __call__(self, act: Callable[[], None]) -> Callable[[], None]:
        self._act = act
        return self._stays

    def _stays(self) -> None:
        self._act = None

    def happens(self) -> None:
        assert self._act is not None, "nobody wants to know"
        self._act()


def started(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    return asyncio.get_running_loop().create_task(work)


async def waiting(batcher: Batcher, one: Job, **options: Any) -> "asyncio.Task[Any]":  # noqa: ANN401
    """Somebody who waits for a job that waits itself."""
    before = batcher.line.waiting
    task = started(answered(batcher, one, **options))
    while batcher.line.waiting == before:
        await asyncio.sleep(0)
    return task


def test_the_answers_come_in_the_order_of_the_windows() -> None:
    async def story(_: Works, batcher: Batcher) -> None:
        found: Any = await answered(batcher, job(1, 2, 3, 4, 5, 6))
        assert found == [answer_to(window(value)) for value in range(1, 7)]

    run(story)


def test_many_who_wait_at_once_get_their_own() -> None:
    async def story(_: Works, batcher: Batcher) -> None:
        found: Any = await asyncio.gather(*[answered(batcher, job(value)) for value in range(1, 100)])
        assert found == [[answer_to(window(value))] for value in range(1, 100)]

    run(story)


def test_who_waits_is_woken_on_the_thread_of_his_loop() -> None:
    woken_on: list[int] = []

    class Waiter(asyncio.Future[None]):
        """Notes where it is done."""

        def set_result(self, result: None) -> None:
            woken_on.append(get_ident())
            super().set_result(result)

    async def story() -> None:
        one = job(1)
        one.waiter = Waiter()
        thread = Thread(target=announcer(asyncio.get_running_loop()), args=([one],))
        thread.start()
        await asyncio.wait_for(one.waiter, PATIENCE_S)
        thread.join(PATIENCE_S)

    asyncio.run(story())
    assert woken_on == [get_ident()]


def test_a_client_who_leaves_takes_his_job_along_before_it_is_computed() -> None:
    departure = Departure()

    async def story(works: Works, batcher: Batcher) -> None:
        first = await held(works, batcher, job(1))
        left = job(2)
        second = await waiting(batcher, left, departing=departure)
        third = await waiting(batcher, job(3))
        departure.happens()
        with pytest.raises(ClientGone):
            await second
        assert (left.end, batcher.line.waiting) == (End.CANCELLED, 1)
        works.computing.open()
        await asyncio.gather(first, third)

    assert run(story).heard == [1, 3]


def test_a_client_who_leaves_while_his_job_is_computed_is_not_waited_for() -> None:
    async def story(works: Works, batcher: Batcher) -> None:
        departure = Departure()
        left = job(1)
        task = await held(works, batcher, left, departing=departure)
        departure.happens()
        with pytest.raises(ClientGone):
            await task
        works.computing.open()
        found: Any = await answered(batcher, job(2))
        assert found == [answer_to(window(2))]
        assert (left.end, left.rows) == (End.CANCELLED, [None])

    run(story)


def test_a_request_that_is_given_up_takes_its_job_along() -> None:
    async def story(works: Works, batcher: Batcher) -> None:
        first = await held(works, batcher, job(1))
        left = job(2)
        task = await waiting(batcher, left)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (left.end, batcher.line.waiting) == (End.CANCELLED, 0)
        works.computing.open()
        await first

    assert run(story).heard == [1]


def test_a_deadline_is_kept_though_the_engine_hangs() -> None:
    async def story(works: Works, batcher: Batcher) -> None:
        in_hands, in_line = job(1, seconds=0.05), job(2, seconds=0.1)
        tasks = [await held(works, batcher, in_hands), await waiting(batcher, in_line)]
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() >= in_line.deadline - 0.01
        for error in errors:
            assert isinstance(error, ProblemError)
            assert error.code == "deadline_exceeded"
        assert batcher.line.unfinished == 0

    assert run(story).heard == [1], "the engine was still at it"


def test_a_sound_that_the_engine_can_make_nothing_of_is_a_failure() -> None:
    async def story(_: Works, batcher: Batcher) -> None:
        with pytest.raises(EngineFailure):
            await answered(batcher, job(POISON))

    run(story)


def test_who_still_waits_when_the_service_ends_is_told_so() -> None:
    async def story(works: Works, batcher: Batcher) -> None:
        task = await held(works, batcher, job(1))
        batcher.line.abandon(NoEngine("The service stopped before this was answered."))
        with pytest.raises(NoEngine, match="stopped"):
            await task

    run(story)


def test_who_is_refused_leaves_nothing_behind() -> None:
    async def story(_: Works, batcher: Batcher) -> None:
        batcher.line.close()
        with pytest.raises(ValueError, match="no new work"):
            await answered(batcher, job(1), departing=Departure())

    run(story)
