"""Joins the windows of all requests into batches, for as many engines as there are, and predicts how long that takes.

Work-conserving: a free engine takes what waits, at once. Bounded: what could not be answered before its deadline is
refused at the door. Engines that die or hang are replaced, and what they held goes to the next one.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from contract.errors import EarshotError
from service.batch import Judge
from service.cost import Cost
from service.engines.base import Engine, EngineFacts
from service.jobs import Job
from service.line import Announce, Line, LineFull
from service.replica import Crew, Replica

_log = logging.getLogger(__name__)

LOOK_S = 0.1
"""Between two looks at whether an engine hangs, while the last jobs are waited for."""

LEAVE_S = 1.0
"""An engine that is still at a batch when the last job has ended is waited for so long, to close it in good order."""


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
    load_within_s: float = 120.0
    """So is a new one that is not ready by then. One that was built before is found again in seconds; where it has to
    be built, the next attempt finds what this one has made."""
    first_pause_s: float = 0.5
    """After a vain attempt to get an engine; it doubles with each."""


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
        self.cost = Cost()
        self.line = Line(self._bounds.most_waiting, announce)
        self.max_batch = len(engines[0].staging)
        self.facts: EngineFacts = engines[0].describe()
        self._crew = Crew(
            line=self.line,
            judge=judge,
            make=make,
            cost=self.cost,
            hang_after_s=self._bounds.hang_after_s,
            load_within_s=self._bounds.load_within_s,
            first_pause_s=self._bounds.first_pause_s,
            sharers=lambda: max(1, self.engines_at_work),
            on_batch=on_batch,
        )
        self._made = 0
        self._replacing = Lock()
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
        return sum(replica.losses for replica in self._replicas)

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

    def admit(self, windows: int, deadline: float, coming: int = 0) -> None:
        """The same question before there is a job: refusing early spares the client its upload.

        Windows that are `coming`, because they are being decoded, will wait before this one.

        An engine that is free gets a batch whatever is predicted. It keeps nobody waiting, and shows what a batch
        takes now: without that, too high an estimate would refuse everybody, and nothing would ever correct it.
        """
        if not self.engines_at_work:
            raise NoEngine("No engine is at work at the moment; one is being started.")
        if self.line.waiting + coming >= self._bounds.most_waiting:
            raise self._full()
        late = time.monotonic() + self.predicted_seconds(coming + windows) - deadline
        if late > 0 and not (coming + windows <= self.max_batch and self._is_free):
            raise Overloaded("The answer would come after its deadline, so no work is spent on it.", late)

    def predicted_seconds(self, windows: int) -> float:
        """Until so many windows that join the line now would be answered."""
        left = [replica.seconds_left() for replica in self._replicas if replica.works]
        return min(left, default=0.0) + self._seconds_for(self.line.waiting + windows)

    def watch(self) -> None:
        """Replace what hangs; to be called every now and then."""
        with self._replacing:
            for i, replica in enumerate(self._replicas):
                held = replica.given_up()
                if held is None:
                    continue
                _log.error(
                    "%s: the engine does not come back and is given up, with %d windows", replica.name, len(held)
                )
                self.line.put_back(held)
                self._replicas[i] = self._replica(None, replica)
                self._replicas[i].start()

    def drain(self, patience_s: float) -> bool:
        """Take nothing new, finish what was taken; False where that took too long, and the rest was failed."""
        self.line.close()
        finished = self._finished(patience_s)
        self.line.abandon(NoEngine("The service stopped before this was answered."))
        with self._replacing:  # after which nothing is replaced any more
            for replica in self._replicas:
                replica.retire()
        last = time.monotonic() + LEAVE_S
        for replica in self._replicas:
            if replica.is_alive():
                replica.join(max(0.0, last - time.monotonic()))
        return finished

    @property
    def _is_free(self) -> bool:
        """Whether what is submitted now is taken at once."""
        return not self.line.waiting and any(replica.works and not replica.is_busy for replica in self._replicas)

    def _finished(self, patience_s: float) -> bool:
        stop = time.monotonic() + patience_s
        while not self.line.wait_until_over(min(LOOK_S, max(0.0, stop - time.monotonic()))):
            if time.monotonic() >= stop:
                return False
            self.watch()
        return True

    def _seconds_for(self, windows: int) -> float:
        return self.cost.of_line(windows, self.max_batch, max(1, self.engines_at_work))

    def _full(self) -> Overloaded:
        return Overloaded("Too much is waiting already.", self._seconds_for(self.line.waiting))

    def _replica(self, engine: Engine | None, before: Replica | None = None) -> Replica:
        self._made += 1
        return Replica(f"engine-{self._made}", self._crew, engine, before)

    def _measure(self, engine: Engine) -> None:
        """What a lone window and a full batch cost, before anything was served."""
        for size in {1, self.max_batch}:
            start = time.perf_counter()
            engine.infer(size)
            self.cost.learn(size, time.perf_counter() - start)


def whole_seconds(seconds: float) -> int:
    """For `Retry-After`, which takes no fractions and must not say "now"."""
    return max(1, math.ceil(seconds))
