"""Every engine in a process of its own; they take turns, and one that cannot be had, or breaks, stops nobody else."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from operator import methodcaller
from pathlib import Path
from typing import TypeVar

from benchmarks.child import Child
from benchmarks.latency.contestant import Contestant, threads_wanted
from benchmarks.latency.engines import Engine, absence
from benchmarks.latency.floors import Peaks
from benchmarks.latency.order import FEWEST_ROUNDS, Order
from benchmarks.latency.results import Absent
from benchmarks.latency.worker import WorkerOrder
from benchmarks.report import Say
from contract.errors import EarshotError, UnavailableError

PEAK_SHARE = 0.2
"""Of the time of an engine, for each size of matrix."""

LEAST_SHARE = 0.25
"""Of the seconds of a round, which the next one has at least."""

_PEAKS = "benchmarks.latency.peaks"
_T = TypeVar("_T")


class Contest:
    """Engines that run, and those that do not, or no longer."""

    def __init__(self, order: Order, folder: Path, stack: ExitStack, say: Say) -> None:
        """`folder`: holds the halves of the graphs, and whatever else is of no use afterwards."""
        self.running: dict[Engine, Contestant] = {}
        self.absent: dict[Engine, Absent] = {}
        self._order, self._folder, self._stack, self._say = order, folder, stack, say
        self._began = time.perf_counter()

    def start(self) -> None:
        """One after the other, so that each has the machine to itself while it loads."""
        for engine in self._order.engines:
            if reason := absence(engine) or self._order.left_out(engine):
                self.absent[engine] = Absent(engine, reason)
                continue
            self._say(f"starting {engine.title}")
            with self._others_unharmed(engine):
                self.running[engine] = self.started(engine, self._order.batches_of(engine))
        self._require_some()

    def started(self, engine: Engine, batches: tuple[int, ...]) -> Contestant:
        """Ready to be timed."""
        audio, folder = self._order.bundle.manifest.audio, self._order.bundle.folder.resolve()
        worker = WorkerOrder(
            engine.name, str(folder), str(self._folder), self._order.threads, batches[-1],
            audio.sample_rate, audio.window_samples,
        )  # fmt: skip
        contestant = self._stack.enter_context(Contestant(engine, worker, self._folder / "compiled"))
        contestant.prepare(batches, self._order.cpus)
        return contestant

    def take_turns(self) -> dict[bool, Peaks]:
        """All rounds; between them is measured what processor and GPU can do at most."""
        pace = self._order.pace
        peaks = {gpu: self._peaks(gpu) for gpu in sorted({engine.gpu for engine in self.running})}
        measured: dict[bool, list[dict[str, float]]] = {gpu: [] for gpu in peaks}
        last_s, seconds = 0.0, pace.seconds
        for number in range(pace.rounds):
            if number >= FEWEST_ROUNDS and time.perf_counter() - self._began + last_s > pace.within_s:
                self._say(f"{number} rounds have to do: this machine has others to serve")
                break
            seconds *= self._hurry(number, last_s)
            began = time.perf_counter()
            for gpu, child in peaks.items():
                measured[gpu].append(child.ask(PEAK_SHARE * seconds))
            for batch in pace.batches:
                self.each(methodcaller("time", batch, seconds, pace.slowest_run_s), first=number)
            last_s = time.perf_counter() - began
            self._say(f"round {number + 1} of {pace.rounds}: {last_s:.0f} s, {seconds:.2g} s of runs for each")
        self._require_some()
        return {gpu: Peaks.of(rounds) for gpu, rounds in measured.items()}

    def _hurry(self, number: int, last_s: float) -> float:
        """The share of the last round's seconds that leaves time for the rounds that there must be."""
        missing = FEWEST_ROUNDS - number
        if not last_s or missing <= 0:
            return 1.0
        left_s = self._order.pace.within_s - (time.perf_counter() - self._began)
        return min(1.0, max(LEAST_SHARE, left_s / (missing * last_s)))

    def each(self, ask: Callable[[Contestant], _T], first: int = 0) -> dict[Engine, _T]:
        """Ask those that run in turn, beginning with another one each time; whoever breaks is out."""
        engines = list(self.running)
        answers = {}
        for place in range(len(engines)):
            engine = engines[(first + place) % len(engines)]
            with self._others_unharmed(engine):
                answers[engine] = ask(self.running[engine])
        return answers

    def _peaks(self, gpu: bool) -> Child:
        threads, cpus = self._order.threads, self._order.cpus
        order = {"gpu": gpu, "threads": threads}
        child = Child("the peak of this machine", _PEAKS, order, cpus, threads_wanted(threads))
        self._stack.enter_context(child)
        child.next_line()
        return child

    def _require_some(self) -> None:
        if not self.running:
            reasons = "; ".join(f"{one.engine.name}: {one.sentence}" for one in self.absent.values())
            raise EarshotError(f"no engine is left to measure: {reasons}")

    @contextmanager
    def _others_unharmed(self, engine: Engine) -> Iterator[None]:
        try:
            yield
        except EarshotError as error:
            self.running.pop(engine, None)
            self.absent[engine] = Absent(engine, str(error), failed=not isinstance(error, UnavailableError))
