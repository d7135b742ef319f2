"""Joins the windows of all requests into batches, for as many engines as there are, and predicts how long that takes.

Work-conserving: a free engine takes what waits, at once. Bounded: what could not be answered before its deadline is
refused at the door. Engines that die or hang are replaced, and what they held goes to the next one.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.errors import EarshotError
from service.cost import Cost
from service.engines.base import Engine, EngineFacts
from service.jobs import Job
from service.line import Announce, Line, LineFull
from service.replica import Judge, Replica

_log = logging.getLogger(__name__)

POLL_S = 0.01
"""Between two looks at whether a line that is closing has run empty."""


class Overloaded(EarshotError):  # noqa: N818  (it says what happened)
    """The work cannot be done in time; come back after `retry_after` seconds."""

    def __init__(self, sentence: str, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class NoEngine(EarshotError):  # noqa: N818  (it says what happened)
    """No engine is at work at the moment; one is being made."""


@dataclass(frozen=True)
class Bounds:
    """How much may wait, and how patient the batcher is."""

    most_waiting: int = 128
    """Windows in the line; at 5 s of 32 kHz, 128 take 82 MB."""
    hang_after_s: float = 30.0
    """An engine that is busy with one batch for so long is given up."""


@dataclass(frozen=True)
class Load:
    """What there is to do, for metrics and the curious."""

    waiting: int
    oldest_age_s: float
    unfinished: int
    engines: int
    engines_at_work: int


class Batcher:
    """Engines behind one line."""

    def __init__(
        self,
        engines: Sequence[Engine],
        make: Callable[[], Engine],
        judge: Judge,
        announce: Announce,
        bounds: Bounds | None = None,
        on_batch: Callable[[int, float], None] = lambda *_: None,
    ) -> None:
        """The engines are loaded and warm; `make` gives another one, not loaded, in place of one that was lost."""
        self._bounds = bounds or Bounds()
        self._make = make
        self._judge = judge
        self._on_batch = on_batch
        self.cost = Cost()
        self.line = Line(self._bounds.most_waiting, announce)
        self.max_batch = len(engines[0].staging)
        self.facts: EngineFacts = engines[0].describe()
        self._made = 0
        self._replaced = 0
        self._measure(engines[0])
        self._replicas = [self._replica(engine) for engine in engines]

    def start(self) -> None:
        """Begin to serve."""
        for replica in self._replicas:
            replica.start()

    @property
    def engines_at_work(self) -> int:
        """Replicas with an engine that runs."""
        return sum(replica.works for replica in self._replicas)

    @property
    def restarts(self) -> int:
        """Engines that others took the place of, because they died or hung."""
        return self._replaced + sum(replica.deaths for replica in self._replicas)

    @property
    def failures(self) -> int:
        """Vain attempts in a row to get any engine at all; 0 while one is at work."""
        return 0 if self.engines_at_work else max(replica.failures for replica in self._replicas)

    @property
    def load(self) -> Load:
        """What there is to do at this moment."""
        line = self.line
        return Load(line.waiting, line.oldest_age(), line.unfinished, len(self._replicas), self.engines_at_work)

    def submit(self, job: Job) -> None:
        """Take the job, or refuse it: because there is no engine, no room, or not enough time."""
        self.admit(len(job.windows), job.deadline)
        try:
            self.line.submit(job)
        except LineFull:
            raise self._full() from None

    def admit(self, windows: int, deadline: float) -> None:
        """The same question before there is a job: refusing early spares the client its upload."""
        if not self.engines_at_work:
            raise NoEngine("No engine is at work at the moment; one is being started.")
        if self.line.waiting >= self._bounds.most_waiting:
            raise self._full()
        late = time.monotonic() + self.predicted_seconds(windows) - deadline
        if late > 0:
            raise Overloaded("The answer would come after its deadline, so no work is spent on it.", late)

    def predicted_seconds(self, windows: int) -> float:
        """Until so many windows that join the line now would be answered."""
        working = max(1, self.engines_at_work)
        busy = [replica.busy_since for replica in self._replicas]
        started = [since for since in busy if since is not None]
        rest = 0.0
        if len(started) >= working:  # no engine is free: the first that comes back is the next
            rest = max(
                0.0, self.cost.of(self.max_batch if self.line.waiting else 1) - time.monotonic() + min(started)
            )
        return rest + self.cost.of_line(self.line.waiting + windows, self.max_batch, working)

    def watch(self) -> None:
        """Replace what hangs; to be called every now and then."""
        now = time.monotonic()
        for i, replica in enumerate(self._replicas):
            since = replica.busy_since
            if replica.works and since is not None and now - since > self._bounds.hang_after_s:
                _log.error(
                    "%s: the engine has been at one batch for %.1f s and is given up", replica.name, now - since
                )
                held = list(replica.held)
                replica.retire()
                self._replaced += 1 + replica.deaths
                self._replicas[i] = self._replica(None)
                self._replicas[i].start()
                self.line.put_back(held)

    def drain(self, patience_s: float) -> bool:
        """Take nothing new, finish what was taken; False where that took too long, and the rest was failed."""
        self.line.close()
        stop = time.monotonic() + patience_s
        while self.line.unfinished and time.monotonic() < stop:
            time.sleep(POLL_S)
        finished = not self.line.unfinished
        self.line.abandon(NoEngine("The service stopped before this was answered."))
        for replica in self._replicas:
            replica.retire()
        for replica in self._replicas:
            if replica.is_alive():
                replica.join(max(0.1, stop - time.monotonic()) if finished else 0.1)
        return finished

    def _full(self) -> Overloaded:
        wait = self.cost.of_line(self.line.waiting, self.max_batch, max(1, self.engines_at_work))
        return Overloaded("Too much is waiting already.", wait)

    def _replica(self, engine: Engine | None) -> Replica:
        self._made += 1
        replica = Replica(f"engine-{self._made}", self.line, self._judge, self._make, self.cost, engine)
        replica.sharers = lambda: max(1, self.engines_at_work)
        replica.on_batch = self._on_batch
        return replica

    def _measure(self, engine: Engine) -> None:
        """What each size costs before anything was served."""
        size = 1
        while size <= self.max_batch:
            start = time.perf_counter()
            engine.infer(size)
            self.cost.learn(size, time.perf_counter() - start)
            size *= 2


def whole_seconds(seconds: float) -> int:
    """For `Retry-After`, which takes no fractions and must not say "now"."""
    return max(1, math.ceil(seconds))
