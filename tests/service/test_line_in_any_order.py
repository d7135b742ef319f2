"""The line under whatever may happen to it, in any order, next to a model that does the same the simple way.

No threads, and a clock that moves when it is told: what goes wrong here goes wrong again.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.jobs import End, EngineFailure, Job, Ticket
from service.line import MOST_ATTEMPTS, Line, LineClosed, LineFull
from tests.service.engines.fakes import window

BOUND = 6
SECONDS = st.integers(0, 5)
A_FEW = 8
"""Jobs; before so many were there, nothing ends them all."""


@dataclass(eq=False)
class Known:
    """What the model knows of a job."""

    job: Job
    windows: list[Any]
    submitted: float
    end: End | None = None
    answered: dict[int, str] = field(default_factory=dict)


class Slot(NamedTuple):
    """A window of a job, on its way to an engine for the so-manyeth time."""

    known: Known
    place: int
    attempt: int

    @property
    def is_missing(self) -> bool:
        return self.known.end is None and self.place not in self.known.answered


class AnyOrder(RuleBasedStateMachine):
    """The line, and the model."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.told: Counter[Job] = Counter()
        self.line = Line(BOUND, self.told.update, lambda: self.now)
        self.known: dict[Job, Known] = {}
        self.again: list[Slot] = []
        self.fresh: list[Slot] = []
        self.in_hands: list[Ticket] = []
        self.taken_away: list[Ticket] = []
        self.is_closed = False

    # What happens

    @rule(count=st.integers(1, 5), patience=SECONDS)
    def submit(self, count: int, patience: int) -> None:
        windows = [window(i) for i in range(count)]
        job = Job(list(windows), self.now + patience)
        if self.is_closed or self.waiting >= BOUND:
            with pytest.raises(LineClosed if self.is_closed else LineFull):
                self.line.submit(job)
            return
        self.line.submit(job)
        known = self.known[job] = Known(job, list(windows), self.now)
        self.fresh += [Slot(known, place, 1) for place in range(count)]

    @rule(most=st.integers(1, 4), sharers=st.integers(1, 3))
    def take(self, most: int, sharers: int) -> None:
        if self.is_closed and not self.unfinished:
            assert self.line.take(most, sharers) is None
            return
        wanted = self._next(min(most, -(-self.waiting // sharers)))
        tickets = self.line.take(most, sharers)
        assert tickets is not None
        assert [(t.job, t.place, t.attempt) for t in tickets] == [(s.known.job, s.place, s.attempt) for s in wanted]
        for ticket, slot in zip(tickets, wanted, strict=True):
            assert ticket.window is slot.known.windows[slot.place]
            assert ticket.job.deadline > self.now, "no compute is spent after the deadline"
        self.in_hands += tickets

    @precondition(lambda self: self.in_hands)
    @rule(data=st.data(), size=st.integers(1, 9))
    def answer(self, data: st.DataObject, size: int) -> None:
        self._answer(self._out_of(self.in_hands, data), size)

    @precondition(lambda self: self.taken_away)
    @rule(data=st.data())
    def answer_what_was_taken_away(self, data: st.DataObject) -> None:
        self._answer(self._out_of(self.taken_away, data), 1)

    @precondition(lambda self: self.in_hands)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        tickets = self._out_of(self.in_hands, data)
        self.line.fail(tickets, EngineFailure("so"))
        for slot in self._slots(tickets):
            self._ended(slot.known, End.FAILED)

    @precondition(lambda self: self.in_hands)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        tickets = self._out_of(self.in_hands, data)
        self.taken_away += tickets
        missing = [slot for slot in self._slots(tickets) if slot.is_missing]
        self.line.put_back(tickets)
        again = [s._replace(attempt=s.attempt + 1) for s in missing if s.attempt < MOST_ATTEMPTS]
        self.again = sorted(again + self.again, key=lambda slot: (slot.known.submitted, slot.place))
        for slot in missing:
            if slot.attempt == MOST_ATTEMPTS:
                self._ended(slot.known, End.FAILED)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), end=st.sampled_from([End.CANCELLED, End.EXPIRED]))
    def leave(self, data: st.DataObject, end: End) -> None:
        job = data.draw(st.sampled_from(list(self.known)))
        (self.line.cancel if end is End.CANCELLED else self.line.expire)(job)
        self._ended(self.known[job], end)

    @rule(seconds=SECONDS)
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: len(self.known) >= A_FEW)
    @rule()
    def close(self) -> None:
        self.line.close()
        self.is_closed = True

    @precondition(lambda self: len(self.known) >= A_FEW)
    @rule()
    def abandon(self) -> None:
        self.line.abandon(EngineFailure("so"))
        for known in self.known.values():
            self._ended(known, End.FAILED)

    # What holds all the time

    @invariant()
    def as_much_waits_as_in_the_model(self) -> None:
        assert self.line.waiting == self.waiting
        assert self.line.unfinished == self.unfinished
        first = [*self.again, *self.fresh][:1]
        assert self.line.oldest_age() == sum(self.now - slot.known.submitted for slot in first)
        assert self.line.wait_until_over(0) == (self.is_closed and not self.unfinished)

    @invariant()
    def every_job_ends_once_and_is_announced_once(self) -> None:
        ends = Counter(known.end for known in self.known.values() if known.end)
        assert self.line.ends == {end: ends[end] for end in End}
        for job, known in self.known.items():
            assert job.end == known.end
            assert self.told[job] == (known.end is not None)

    @invariant()
    def what_has_ended_holds_no_sound_and_what_is_answered_has_every_row(self) -> None:
        for job, known in self.known.items():
            assert bool(job.windows) == (known.end is None)
            assert (job.error is not None) == (known.end is End.FAILED)
            assert job.rows == [known.answered.get(place) for place in range(len(known.windows))]
            assert job.missing == job.rows.count(None)
            assert job.queue_seconds >= 0 or not job.end
            assert (known.end is End.ANSWERED) == (not job.missing)

    @invariant()
    def no_window_is_in_two_hands(self) -> None:
        places = [(ticket.job, ticket.place) for ticket in self.in_hands]
        places += [(slot.known.job, slot.place) for slot in [*self.again, *self.fresh]]
        assert len(places) == len(set(places))

    def teardown(self) -> None:
        """Whatever has happened, the line runs empty."""
        self.close()
        self._answer(self.in_hands, 1)
        while (tickets := self.line.take(3)) is not None:
            self.line.answer(tickets, ["late"] * len(tickets), len(tickets))
        assert self.line.waiting == self.line.unfinished == 0
        assert all(job.end and self.told[job] == 1 for job in self.known)

    # The model

    @property
    def waiting(self) -> int:
        return len(self.again) + len(self.fresh)

    @property
    def unfinished(self) -> int:
        return sum(known.end is None for known in self.known.values())

    def _next(self, most: int) -> list[Slot]:
        wanted: list[Slot] = []
        while len(wanted) < most and self.waiting:
            queue = self.again or self.fresh
            known = queue[0].known
            if known.job.deadline <= self.now:
                self._ended(known, End.EXPIRED)
                continue
            wanted.append(queue.pop(0))
            if wanted[0].attempt > 1:
                break
        return wanted

    def _answer(self, tickets: list[Ticket], size: int) -> None:
        rows = [f"{slot.place} at attempt {slot.attempt}" for slot in self._slots(tickets)]
        self.line.answer(tickets, rows, size)
        for slot, row in zip(self._slots(tickets), rows, strict=True):
            if slot.is_missing:
                slot.known.answered[slot.place] = row
                if len(slot.known.answered) == len(slot.known.windows):
                    self._ended(slot.known, End.ANSWERED)

    def _ended(self, known: Known, end: End) -> None:
        if known.end is None:
            known.end = end
            self.again = [slot for slot in self.again if slot.known is not known]
            self.fresh = [slot for slot in self.fresh if slot.known is not known]

    def _slots(self, tickets: list[Ticket]) -> list[Slot]:
        return [Slot(self.known[ticket.job], ticket.place, ticket.attempt) for ticket in tickets]

    @staticmethod
    def _out_of(tickets: list[Ticket], data: st.DataObject) -> list[Ticket]:
        """Some of them, in any order; they are gone from there."""
        places = data.draw(st.lists(st.integers(0, len(tickets) - 1), unique=True, min_size=1))
        chosen = [tickets[place] for place in places]
        tickets[:] = [ticket for place, ticket in enumerate(tickets) if place not in places]
        return chosen


TestTheLine = AnyOrder.TestCase
TestTheLine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
