"""A thread with an engine of its own: takes what waits, runs it, and gives the answers back.

What an engine does wrong ends here. A batch that fails is tried window by window, so that one bad input harms nobody
else. Whether the engine itself has died is asked by a moment of silence, which every sound engine answers.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any

import numpy as np

from service.cost import Cost
from service.engines.base import Engine, Outputs
from service.jobs import EngineFailure, Ticket
from service.line import Line
from service.windows import lay

Judge = Callable[[Outputs], Sequence[Any]]
"""Makes one row of each window's outputs."""

LONGEST_PAUSE_S = 30.0
"""Between two attempts to get a new engine; the first comes after half a second."""

_log = logging.getLogger(__name__)


class Replica(Thread):
    """One engine at work. Once it is `retired`, what it still brings is of no use to anybody."""

    def __init__(
        self,
        name: str,
        line: Line,
        judge: Judge,
        make: Callable[[], Engine],
        cost: Cost,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)  # a thread that hangs must not keep the process from its end
        self._line = line
        self._judge = judge
        self._make = make
        self._cost = cost
        self._engine = engine
        self._retired = Event()
        self.sharers: Callable[[], int] = lambda: 1
        self.on_batch: Callable[[int, float], None] = lambda *_: None
        self.busy_since: float | None = None
        self.held: list[Ticket] = []
        self.failures = 0
        """Attempts in a row to get an engine that were in vain."""
        self.deaths = 0
        """Engines that died here."""

    @property
    def works(self) -> bool:
        """Whether it has an engine and is in use."""
        return self._engine is not None and not self._retired.is_set()

    def retire(self) -> None:
        """Give it up: it ends when it comes back from where it is."""
        self._retired.set()

    def run(self) -> None:
        """Serve until the line is closed and empty, with a new engine whenever one has died."""
        while not self._retired.is_set():
            engine = self._engine or self._new_engine()
            if engine is None:
                continue
            self._engine = engine
            tickets = self._line.take(len(engine.staging), self.sharers(), wait=None)
            if tickets is None:
                break
            if tickets:
                self._serve(engine, tickets)
        self._close()

    def _serve(self, engine: Engine, tickets: list[Ticket]) -> None:
        self.held, self.busy_since = tickets, time.monotonic()
        try:
            bad = self._tried(engine, tickets)
            if bad and len(tickets) > 1:
                bad = [ticket for ticket in bad if self._tried(engine, [ticket])]
            if not bad:
                return
            if self._retired.is_set() or self._is_sound(engine):
                self._line.fail(bad, EngineFailure("the engine could not make anything of this sound"))
            else:
                self._bury(bad)
        finally:
            self.held, self.busy_since = [], None

    def _tried(self, engine: Engine, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Run a batch and answer it; those windows are returned that got no answer."""
        start = time.perf_counter()
        try:
            rows, sound = self._rows(engine, [ticket.window for ticket in tickets])
        except Exception:  # noqa: BLE001  (whatever an engine raises)
            _log.exception("a batch of %d failed", len(tickets))
            return list(tickets)
        seconds = time.perf_counter() - start
        if self._retired.is_set():
            return []
        self._cost.learn(len(tickets), seconds)
        self.on_batch(len(tickets), seconds)
        good = [i for i in range(len(tickets)) if sound[i]]
        self._line.answer([tickets[i] for i in good], [rows[i] for i in good], len(tickets))
        return [tickets[i] for i in range(len(tickets)) if not sound[i]]

    def _rows(self, engine: Engine, windows: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        for row, window in zip(engine.staging, windows, strict=False):
            lay(window, row)
        outputs = engine.infer(len(windows))
        sound = np.isfinite(outputs.logits).all(axis=1)
        return self._judge(outputs), sound

    def _is_sound(self, engine: Engine) -> bool:
        try:
            _, sound = self._rows(engine, [engine.staging[0, :0]])
        except Exception:  # noqa: BLE001  (whatever an engine raises)
            _log.exception("the engine does not even answer silence")
            return False
        return bool(sound[0])

    def _bury(self, tickets: list[Ticket]) -> None:
        self.deaths += 1
        _log.error("%s: the engine has died, a new one is made", self.name)
        self._close()
        self._line.put_back(tickets)

    def _new_engine(self) -> Engine | None:
        try:
            engine = self._make()
            engine.load()
            engine.warm_up()
        except Exception:  # noqa: BLE001  (whatever an engine raises)
            self.failures += 1
            pause = min(LONGEST_PAUSE_S, 0.25 * 2**self.failures)
            _log.exception("%s: no new engine, the next attempt is in %.1f s", self.name, pause)
            self._retired.wait(pause)
            return None
        self.failures = 0
        _log.info("%s: a new engine is at work", self.name)
        return engine

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            try:
                engine.close()
            except Exception:  # noqa: BLE001  (whatever an engine raises)
                _log.exception("%s: the engine does not close", self.name)
