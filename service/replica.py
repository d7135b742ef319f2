"""A thread with an engine of its own: takes what waits, runs it, and gives the answers back.

What an engine does wrong ends here. A batch that fails is tried window by window, so that one bad input harms nobody
else. Whether the engine itself has died is asked by a moment of silence, which every sound engine answers. One that
does not come back at all is found by whoever watches: then the windows are taken out of its hands, and whatever it
still brings is of no use to anybody.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread

from service.batch import Judge, answers_silence, rows_of, sound_engine
from service.cost import Cost
from service.engines.base import Engine
from service.jobs import EngineFailure, Ticket
from service.line import Line
from service.priority import compute_later

LONGEST_PAUSE_S = 30.0
"""Between two attempts to get a new engine."""
_MOST_DOUBLINGS = 16
"""Of the first pause; far beyond the longest one, and far from where numbers overflow."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Crew:
    """What the replicas of one batcher share."""

    line: Line
    judge: Judge
    make: Callable[[], Engine]
    cost: Cost
    hang_after_s: float
    load_within_s: float
    first_pause_s: float
    sharers: Callable[[], int]
    """How many of them take from the line."""
    on_batch: Callable[[int, float], None]


class Replica(Thread):
    """One engine at work, and the next one where it dies. `before` is the one in whose place this comes."""

    def __init__(self, name: str, crew: Crew, engine: Engine | None = None, before: "Replica | None" = None) -> None:
        super().__init__(name=name, daemon=True)  # a thread that hangs must not keep the process from its end
        self._crew = crew
        self._engine = engine
        self._retired = Event()
        self._lock = Lock()
        self._held: list[Ticket] = []
        self._entered: float | None = None
        """When it went into the engine's code, where it is now."""
        self._allowed = 0.0
        """Seconds that it may stay there."""
        self.failures = 0
        """Attempts in a row to get an engine that were in vain."""
        self.losses = 0
        """Engines that died or hung here."""
        if before is not None:
            self.failures, self.losses = before.failures, before.losses

    @property
    def works(self) -> bool:
        """Whether it has an engine and is in use."""
        return self._engine is not None and not self._retired.is_set()

    @property
    def is_busy(self) -> bool:
        """Whether it is in its engine's code."""
        return self._entered is not None

    def seconds_left(self) -> float:
        """Until it is expected to come back from its batch; for what is overdue, as long again as it is that."""
        with self._lock:
            if not self._held or self._entered is None:
                return 0.0
            return abs(self._entered + self._crew.cost.of(len(self._held)) - time.monotonic())

    def retire(self) -> None:
        """It ends when it comes back from where it is. To be told only when no job is left."""
        self._retired.set()

    def given_up(self) -> list[Ticket] | None:
        """What was in its hands, where its engine has kept it for too long; from now on, it is retired."""
        with self._lock:
            if self._entered is None or self._retired.is_set():
                return None
            if time.monotonic() - self._entered < self._allowed:
                return None
            self._retired.set()
            if self._engine is None:
                self.failures += 1
            else:
                self.losses += 1
            held, self._held = self._held, []
            return held

    def run(self) -> None:
        """Serve until the line is closed and the last job has ended, with a new engine whenever one has died."""
        compute_later()
        while not self._retired.is_set() and self._turn():
            pass
        self._close()

    def _turn(self) -> bool:
        """One batch, or one attempt to get an engine; False where there will be no more."""
        engine = self._engine or self._new_engine()
        if engine is None:
            return True
        crew = self._crew
        tickets = crew.line.take(len(engine.staging), crew.sharers(), wait=None, seconds_for=crew.cost.of)
        if tickets:
            self._serve(engine, tickets)
        return tickets is not None

    def _serve(self, engine: Engine, tickets: list[Ticket]) -> None:
        with self._lock:
            self._held = tickets
        try:
            bad = self._tried(engine, tickets)
            if bad and len(tickets) > 1:
                bad = [ticket for ticket in bad if ticket.job.end is None and self._tried(engine, [ticket])]
            if bad:
                self._refuse(engine, bad)
        except Exception:  # noqa: BLE001  (nothing should raise here; if it does, the others go on)
            _log.exception("%s: a batch was not served to its end", self.name)
            self._crew.line.fail(tickets, EngineFailure("the engine's answer was lost"))
        finally:
            self._let_go()

    def _tried(self, engine: Engine, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Run a batch and answer it; those windows are returned that got no answer."""
        if self._retired.is_set():
            return []
        start = time.perf_counter()
        try:
            with self._in_engine(self._crew.hang_after_s):
                rows = rows_of(engine, [ticket.window for ticket in tickets], self._crew.judge)
        except Exception:  # noqa: BLE001  (whatever an engine raises)
            _log.exception("%s: a batch of %d failed", self.name, len(tickets))
            return list(tickets)
        seconds = time.perf_counter() - start
        if self._retired.is_set():
            return []
        self._crew.cost.learn(len(tickets), seconds)
        self._crew.on_batch(len(tickets), seconds)
        good = [(ticket, row) for ticket, row in zip(tickets, rows, strict=True) if row is not None]
        self._crew.line.answer([ticket for ticket, _ in good], [row for _, row in good], len(tickets))
        return [ticket for ticket, row in zip(tickets, rows, strict=True) if row is None]

    def _refuse(self, engine: Engine, bad: list[Ticket]) -> None:
        """Find out whose fault it is that these windows got no answer."""
        try:
            with self._in_engine(self._crew.hang_after_s):
                is_sound = answers_silence(engine, self._crew.judge)
        except Exception:  # noqa: BLE001  (whatever an engine raises)
            _log.exception("%s: the engine does not even answer silence", self.name)
            is_sound = False
        if not self._let_go():  # given up meanwhile: the windows are in other hands
            return
        if is_sound:
            self._crew.line.fail(bad, EngineFailure("the engine could not make anything of this sound"))
        else:
            self._bury(bad)

    def _bury(self, tickets: list[Ticket]) -> None:
        _log.error("%s: the engine has died, a new one is made", self.name)
        self.losses += 1
        self._crew.line.put_back(tickets)  # before anything else, as a dead engine may not even close
        self._close()

    def _let_go(self) -> bool:
        """Whether there was anything in its hands."""
        with self._lock:
            held, self._held = self._held, []
        return bool(held)

    @contextmanager
    def _in_engine(self, allowed: float) -> Iterator[None]:
        """For whoever watches: from here, it may never come back."""
        with self._lock:
            self._entered, self._allowed = time.monotonic(), allowed
        try:
            yield
        finally:
            with self._lock:
                self._entered = None

    def _new_engine(self) -> Engine | None:
        try:
            with self._in_engine(self._crew.load_within_s):
                engine = sound_engine(self._crew.make, self._crew.judge)
        except Exception:  # noqa: BLE001  (whatever an engine raises)
            self.failures += 1
            doublings = min(self.failures - 1, _MOST_DOUBLINGS)
            pause = min(LONGEST_PAUSE_S, self._crew.first_pause_s * 2**doublings)
            _log.exception("%s: no new engine, the next attempt is in %.1f s", self.name, pause)
            self._retired.wait(pause)
            return None
        self._engine = engine
        if self._retired.is_set():  # it took too long, or nobody needs it any more
            return None
        self.failures = 0
        _log.info("%s: a new engine is at work", self.name)
        return engine

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None:
            return
        try:
            with self._in_engine(self._crew.hang_after_s):
                engine.close()
        except Exception:  # noqa: BLE001  (whatever an engine raises)
            _log.exception("%s: the engine does not close", self.name)
