"""One engine in its process: started, loaded, asked for its answers, timed in turn with the others, and ended."""

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.child import Child, ChildError
from benchmarks.latency.engines import Engine
from benchmarks.latency.results import Cost, Place, Timings
from benchmarks.latency.worker import WorkerOrder
from benchmarks.processes import Cpus
from contract.errors import EarshotError, UnavailableError
from export.part import WHOLE, Part

PART_SHARE = 0.5
"""Of the time that a whole engine is run for, for each of its parts."""

_WORKER = "benchmarks.latency.worker"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What libraries look at when they start."""


class Contestant:
    """Loaded once it has been made; whatever goes wrong is an `EarshotError` of one sentence."""

    cost: Cost

    def __init__(self, engine: Engine, order: WorkerOrder, scratch: Path) -> None:
        """`scratch`: folder for what a compiler would keep from one measurement to the next."""
        self.engine = engine
        self._order = order
        self._runs: dict[Place, list[dict[str, list[float]]]] = {}
        self.too_slow: dict[int, float] = {}
        """Seconds of a run by the batch that is left out for it, with all that are larger."""
        environment = {"TORCHINDUCTOR_CACHE_DIR": str(scratch)} | threads_wanted(order.threads)
        with ExitStack() as stack:
            self._complaints: IO[str] = stack.enter_context(TemporaryFile("w+", encoding="utf-8"))
            self._child = stack.enter_context(
                Child(engine.title, _WORKER, asdict(order), environment=environment, complaints=self._complaints)
            )
            self._answer(self._child.next_line)
            self._load()
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._stack.close()

    def prepare(self, batches: tuple[int, ...], cpus: Cpus) -> None:
        """Run every part at every batch size for a first time; from then on it keeps to these cores."""
        for part in self._parts:
            for batch in batches:
                ms = self._ask("prepare", part, batch)
                self._runs[Place(part, batch)] = []
                if self.engine.is_compiled and batch not in self.cost.compile_s:
                    self.cost.compile_s[batch] = ms / 1000
        self._ask("pin", sorted(cpus))

    def time(self, batch: int, seconds: float, slowest_run_s: float = math.inf) -> None:
        """One stretch of runs of the whole and of every part at this batch size, if it is one of its sizes."""
        whole = self._runs.get(Place(WHOLE, batch))
        if whole is None:
            return
        stretch = self._ask("measure", WHOLE, batch, seconds)
        run_s = min(stretch["ms"]) / 1000
        if run_s > slowest_run_s and not whole and batch > min(place.batch for place in self._runs):
            self.too_slow[batch] = run_s
            self._runs = {place: runs for place, runs in self._runs.items() if place.batch < batch}
            return
        whole.append(stretch)
        for part in self._parts:
            if part != WHOLE:
                self._runs[Place(part, batch)].append(self._ask("measure", part, batch, PART_SHARE * seconds))

    def answers(self) -> NDArray[np.float64]:
        """Logits of the clips."""
        return np.array(self._ask("answers", min(place.batch for place in self._runs)))

    def named(self, folder: Path, sounds: Path) -> NDArray[np.int64]:
        """Classes of other sounds, by another model in this engine."""
        return np.array(self._ask("named", str(folder), str(sounds), self._order.largest))

    @property
    def timings(self) -> dict[Place, Timings]:
        """Of all stretches so far."""
        return {
            place: Timings(
                tuple(tuple(stretch["ms"]) for stretch in stretches),
                tuple(tuple(stretch["device_ms"]) for stretch in stretches),
            )
            for place, stretches in self._runs.items()
            if stretches
        }

    def _load(self) -> None:
        facts = self._ask("load")
        self._parts: list[Part] = facts.pop("parts")
        first_s = facts.pop("first_ms") / 1000
        largest = self._order.largest
        self.cost = Cost(**facts, largest=largest, compile_s={largest: first_s} if self.engine.is_compiled else {})

    def _ask(self, *question: Any) -> Any:  # noqa: ANN401
        return self._answer(lambda: self._child.ask(question))

    def _answer(self, get: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            answer: Mapping[str, Any] = get()
        except ChildError as error:
            raise EarshotError(f"its process ended: {self._last_complaint()}") from error
        if "unavailable" in answer:
            raise UnavailableError(answer["unavailable"])
        if "failed" in answer:
            raise EarshotError(answer["failed"])
        return answer["value"]

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = [line.strip() for line in self._complaints if line.strip()]
        return lines[-1] if lines else "it said nothing"


def threads_wanted(threads: int) -> dict[str, str]:
    """For the environment of a process."""
    return dict.fromkeys(_THREADS, str(threads))
