"""What the tests of replicas and batchers share: a batcher on fake engines, and somebody who waits for ends."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from service.batcher import Batcher, Bounds
from service.jobs import End, Job
from tests.service.engines.fakes import PATIENCE_S, Works, rows, window

AT_ONCE = 0.0
"""As a bound on patience: whoever looks finds that it has been too long."""
NEVER = 3600.0


class Told:
    """Whoever waits for the ends of jobs."""

    def __init__(self) -> None:
        self.times: Counter[Job] = Counter()
        self._changed = Condition()

    def __call__(self, jobs: list[Job]) -> None:
        """These have ended."""
        with self._changed:
            self.times.update(jobs)
            self._changed.notify_all()

    def wait_for(self, *jobs: Job) -> None:
        """Until each of them has been told, and exactly once."""
        with self._changed:
            assert self._changed.wait_for(lambda: all(self.times[job] for job in jobs), PATIENCE_S), "no end"
        assert [self.times[job] for job in jobs] == [1] * len(jobs)


def job(*values: float, seconds: float = NEVER) -> Job:
    """A window for each value."""
    return Job([window(value) for value in values], time.monotonic() + seconds)


def eventually(holds: Callable[[], object]) -> None:
    """For what nobody is told of."""
    stop = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < stop, "it never came to that"
        time.sleep(0.001)


@contextmanager
def nervous_threads() -> Iterator[None]:
    """Threads take turns a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def batching(works: Works, told: Told, replicas: int = 1, bounds: Bounds | None = None) -> Iterator[Batcher]:
    """A batcher that has started; drained afterwards, whatever was held or hung."""
    batcher = Batcher(works.ready(replicas), works.make, rows, told, bounds)
    batcher.start()
    try:
        yield batcher
    finally:
        works.open()
        batcher.drain(PATIENCE_S)
    assert set(told.times.values()) <= {1}
    assert batcher.line.unfinished == batcher.line.waiting == 0


def submitted(batcher: Batcher, *jobs: Job) -> list[Job]:
    """These, which the batcher has now."""
    for one in jobs:
        batcher.submit(one)
    return list(jobs)


def held_at_work(works: Works, batcher: Batcher, *values: float) -> list[Job]:
    """A job of one window for each engine, which has it and does not come back."""
    works.computing.hold(len(values))
    jobs = []
    for value in values:
        jobs += submitted(batcher, job(value))
        works.computing.wait_until_held()
    return jobs


def ends(jobs: list[Job]) -> list[End | None]:
    """How each of them ended."""
    return [one.end for one in jobs]
