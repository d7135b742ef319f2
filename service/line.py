"""The line in which windows wait for an engine: first come first served, bounded, and every job in it ends once.

It knows no engine, no thread but by its lock, and no event loop: what it is told happens at the times that its clock
shows. A free engine takes what is there, so nothing waits for a batch to fill.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from threading import Condition
from typing import Any

from contract.errors import EarshotError
from service.jobs import End, EngineFailure, Job, Ticket

MOST_ATTEMPTS = 2
"""A window that was in the hands of two engines when they died, of the second one alone, may be what kills them."""

Announce = Callable[[list[Job]], None]
"""Told the jobs that ended, outside of the lock."""

_log = logging.getLogger(__name__)


class LineFull(EarshotError):  # noqa: N818  (it says what happened)
    """No more windows may wait."""


class LineClosed(EarshotError):  # noqa: N818  (it says what happened)
    """No new jobs are taken."""


class Line:
    """Jobs that wait or are in the hands of engines."""

    def __init__(self, most_waiting: int, announce: Announce, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_waiting = most_waiting
        self._announce = announce
        self._clock = clock
        self._changed = Condition()
        self._waiting_jobs: dict[Job, None] = {}  # ordered, and any job leaves it at once
        self._again: deque[Ticket] = deque()
        self._waiting = 0
        self._running: set[Job] = set()
        self._closed = False
        self.ends: dict[End, int] = dict.fromkeys(End, 0)

    @property
    def waiting(self) -> int:
        """Windows that no engine has taken yet."""
        return self._waiting

    @property
    def unfinished(self) -> int:
        """Jobs that have not ended."""
        with self._changed:
            return len(self._running | self._waiting_jobs.keys())

    def oldest_age(self) -> float:
        """Seconds since the first in line was submitted."""
        with self._changed:
            return self._clock() - self._first().job.submitted if self._waiting else 0.0

    def submit(self, job: Job) -> None:
        """Join the line. One job may overshoot the bound, so that long audio is not starved by short."""
        with self._changed:
            if self._closed:
                raise LineClosed("no new work is taken")
            if self._waiting >= self._most_waiting:
                raise LineFull(f"{self._waiting} windows are waiting already")
            job.submitted = self._clock()
            self._waiting_jobs[job] = None
            self._waiting += len(job.windows)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Leave the line, at whatever place; in vain after the end."""
        self._end(job, End.CANCELLED)

    def expire(self, job: Job) -> None:
        """Its deadline has passed, wherever it is."""
        self._end(job, End.EXPIRED)

    def take(
        self,
        most: int,
        sharers: int = 1,
        wait: float | None = 0.0,
        seconds_for: Callable[[int], float] = lambda _: 0.0,
    ) -> list[Ticket] | None:
        """The next windows, `most` at a time; None once the line is closed and the last job in it has ended.

        Where several engines share the line, a free one leaves the others their part. A window whose engine died is
        taken alone. Nobody is taken along who would make another one late, by what so many windows are said to
        take. Waits for work as long as it is told, None for ever.
        """
        expired: list[Job] = []
        with self._changed:
            if wait is None or wait > 0:
                self._changed.wait_for(lambda: self._waiting or self._is_over, wait)
            if self._is_over:
                return None
            tickets = self._next(min(most, -(-self._waiting // sharers)), seconds_for, expired)
            if self._waiting:
                self._changed.notify()
        self._tell(expired)
        return tickets

    def answer(self, tickets: Sequence[Ticket], rows: Sequence[Any], batch_size: int) -> None:
        """These windows were answered, in a batch of this size."""
        ended: list[Job] = []
        with self._changed:
            for ticket, row in zip(tickets, rows, strict=True):
                job = ticket.job
                if self._is_missing(ticket):
                    job.rows[ticket.place] = row
                    job.missing -= 1
                    job.batch_size = max(job.batch_size, batch_size)
                    if not job.missing:
                        self._settle(job, End.ANSWERED)
                        ended.append(job)
        self._tell(ended)

    def fail(self, tickets: Sequence[Ticket], error: Exception) -> None:
        """These windows cannot be answered, and so neither can the jobs they belong to."""
        with self._changed:
            jobs = list({ticket.job: None for ticket in tickets if ticket.job.end is None})
            self._fail(jobs, error)
        self._tell(jobs)

    def put_back(self, tickets: Sequence[Ticket]) -> None:
        """Their engine died under them: they are next, in their old order, but not for ever."""
        with self._changed:
            missing = [ticket for ticket in tickets if self._is_missing(ticket)]
            again = [t._replace(attempt=t.attempt + 1) for t in missing if t.attempt < MOST_ATTEMPTS]
            self._again = deque(sorted([*again, *self._again], key=lambda t: (t.job.submitted, t.place)))
            self._waiting += len(again)
            self._changed.notify_all()
        tried = [ticket for ticket in missing if ticket.attempt >= MOST_ATTEMPTS]
        self.fail(tried, EngineFailure("the engine died on this sound, more than once"))

    def close(self) -> None:
        """Take no new jobs; those that are here go on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_until_over(self, seconds: float) -> bool:
        """Once it is closed: whether every job has ended, at the latest after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_over, seconds)

    def abandon(self, error: Exception) -> None:
        """End every job that has not ended."""
        with self._changed:
            jobs = list(self._running | self._waiting_jobs.keys())
            self._fail(jobs, error)
        self._tell(jobs)

    @property
    def _is_over(self) -> bool:
        """What is in the hands of an engine may come back, so that is not the end."""
        return self._closed and not self._running and not self._waiting_jobs

    def _next(self, most: int, seconds_for: Callable[[int], float], expired: list[Job]) -> list[Ticket]:
        now = self._clock()
        tickets: list[Ticket] = []
        earliest = math.inf
        while len(tickets) < most and self._waiting:
            ticket = self._first()
            if ticket.job.deadline <= now:
                self._settle(ticket.job, End.EXPIRED)
                expired.append(ticket.job)
                continue
            earliest = min(earliest, ticket.job.deadline)
            if tickets and now + seconds_for(len(tickets) + 1) > earliest:
                break
            self._hand_out(ticket, now)
            tickets.append(ticket)
            if ticket.attempt > 1:  # alone: if it is what killed the engine, it takes nobody else along
                break
        return tickets

    def _first(self) -> Ticket:
        if self._again:
            return self._again[0]
        job = next(iter(self._waiting_jobs))
        return Ticket(job, job.given, job.windows[job.given])

    def _hand_out(self, first: Ticket, now: float) -> None:
        job = first.job
        self._waiting -= 1
        if first.attempt > 1:
            self._again.popleft()
            return
        if job.started is None:
            job.started = now
            self._running.add(job)
        job.given += 1
        if job.given == len(job.windows):
            del self._waiting_jobs[job]

    @staticmethod
    def _is_missing(ticket: Ticket) -> bool:
        job = ticket.job
        return job.end is None and job.rows[ticket.place] is None

    def _end(self, job: Job, end: End) -> None:
        with self._changed:
            known = job in self._running or job in self._waiting_jobs
            if known:
                self._settle(job, end)
        if known:
            self._tell([job])

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        for job in jobs:
            job.error = copy(error)  # one each: whoever raises it leaves his trace on it
            self._settle(job, End.FAILED)

    def _settle(self, job: Job, end: End) -> None:
        """The one place where a job ends; the caller holds the lock."""
        if job in self._waiting_jobs:
            del self._waiting_jobs[job]
            self._waiting -= len(job.windows) - job.given
        others = deque(ticket for ticket in self._again if ticket.job is not job)
        self._waiting -= len(self._again) - len(others)
        self._again = others
        self._running.discard(job)
        job.finished = self._clock()
        job.end = end
        job.windows = []
        self.ends[end] += 1
        if self._is_over:
            self._changed.notify_all()

    def _tell(self, ended: list[Job]) -> None:
        if not ended:
            return
        try:
            self._announce(ended)
        except Exception:  # noqa: BLE001  (whoever submitted, cancelled or answered cannot mend it)
            _log.exception("nobody could be told that %d jobs have ended", len(ended))
