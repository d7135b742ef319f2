"""The process of one engine: `python -m benchmarks.latency.worker ORDER`, then what to do, line by line.

It has nobody else's libraries and memory, so what loading and running cost it is the engine's.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import CLIPS
from benchmarks.latency.engines import chosen
from benchmarks.latency.makers import Made, Session, make, prepare_library
from benchmarks.latency.memory import gpu_bytes
from benchmarks.pace import in_seconds, repeated
from benchmarks.processes import rss_bytes
from contract.audio import decode, fit
from contract.errors import EarshotError, UnavailableError
from export.part import FRONT_END, NETWORK, WHOLE, Part

WARM_SHARE = 0.2
"""Of a stretch of runs, before it: other engines have had the core and its cache meanwhile."""
WARM_SHARE_GPU = 1.0
"""Clocks of a GPU that has had nothing to do rise slowly."""

_MB = 1e6


@dataclass(frozen=True)
class WorkerOrder:
    """What the process is to be; passed to it as JSON."""

    engine: str
    folder: str
    """Of the bundle."""
    halves: str
    threads: int
    largest: int
    """Batch that it will be asked for."""
    sample_rate: int
    window_samples: int


class Worker:
    """The engine, and all that can be asked of it."""

    def __init__(self, order: WorkerOrder) -> None:
        self._order = order
        (self._engine,) = chosen([order.engine])
        self._made: Made
        self._sessions: dict[tuple[Part, int], Session] = {}
        self._slow: set[tuple[Part, int]] = set()
        self._clips = clip_waves(order.sample_rate, order.window_samples)

    def load(self) -> dict[str, Any]:
        """From files to something that can be asked; what that costs in time and in memory of its device."""
        prepare_library(self._engine)
        bytes_of = gpu_bytes if self._engine.gpu else own_bytes
        library_mb = own_bytes() / _MB
        before = bytes_of()
        self._made, load_ms = _timed(lambda: self._make(Path(self._order.folder)))
        loaded = bytes_of()
        first_ms = self.prepare(WHOLE, self._order.largest)
        return {
            "load_ms": load_ms, "library_mb": library_mb, "loaded_mb": (loaded - before) / _MB,
            "batch_mb": (bytes_of() - loaded) / _MB, "first_ms": first_ms, "parts": self._made.parts,
        }  # fmt: skip

    def prepare(self, part: Part, batch: int) -> float:
        """Milliseconds until a part has answered its first batch of this size."""
        if (part, batch) in self._sessions:
            return 0.0
        session, made_ms = _timed(lambda: self._filled(part, batch))
        _, first_ms = _timed(session.run)
        self._sessions[part, batch] = session
        return made_ms + first_ms

    def measure(self, part: Part, batch: int, seconds: float) -> dict[str, list[float]]:
        """Milliseconds of each run that began within so many seconds, by the host's clock and by the GPU's."""
        session = self._sessions[part, batch]
        by_gpu: Callable[[], float] | None = getattr(session, "device_ms", None) if self._engine.gpu else None
        if (part, batch) not in self._slow:
            repeated(session.run, in_seconds(seconds * (WARM_SHARE_GPU if self._engine.gpu else WARM_SHARE)))
        ms = [1000 * taken for taken in repeated(session.run, in_seconds(seconds))]
        if ms[0] > 1000 * seconds:
            self._slow.add((part, batch))  # so long a run warms itself
        return {"ms": ms, "device_ms": [by_gpu() for _ in ms] if by_gpu else []}

    def answers(self, batch: int) -> list[list[float]]:
        """Logits of the clips."""
        found: list[list[float]] = ask(self._sessions[WHOLE, batch], self._clips).tolist()
        return found

    def named(self, folder: str, sounds: str, batch: int) -> list[int]:
        """Classes of other sounds, by the model in another folder."""
        other = self._make(Path(folder)).session(WHOLE, batch)
        waves = np.load(sounds, mmap_mode="r", allow_pickle=False)
        classes: list[int] = ask(other, waves).argmax(1).tolist()
        return classes

    @staticmethod
    def pin(cpus: list[int]) -> None:
        """Keep to these cores from now on: all threads that there are, and those that they start."""
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), cpus)

    def _make(self, folder: Path) -> Made:
        order = self._order
        return make(self._engine, folder, Path(order.halves), order.threads, order.largest)

    def _filled(self, part: Part, batch: int) -> Session:
        """With real sounds in it, or what the front end makes of them."""
        session = self._made.session(part, batch)
        waves = np.resize(self._clips, (batch, self._clips.shape[1]))
        if part == NETWORK:
            front_end = self._made.session(FRONT_END, batch)
            np.asarray(front_end.waves)[:] = waves
            waves = np.asarray(front_end.run()[0])
        np.asarray(session.waves)[:] = waves
        return session


def ask(session: Session, waves: NDArray[Any]) -> NDArray[np.float32]:
    """The logits of all these sounds, in batches of the session's size."""
    rows = np.asarray(session.waves)
    parts = []
    for start in range(0, len(waves), len(rows)):
        some = waves[start : start + len(rows)]
        rows[: len(some)] = some
        parts.append(np.asarray(session.run()[0])[: len(some)].copy())
    return np.concatenate(parts)


def clip_waves(sample_rate: int, samples: int, folder: Path = CLIPS) -> NDArray[np.float32]:
    """The clips of the repository as the model hears them."""
    return np.stack([fit(decode(path, sample_rate), samples) for path in sorted(folder.iterdir()) if path.is_file()])


def main() -> None:
    """Do what is asked, line by line, until nothing more is."""
    answer = _line_to_parent()
    words = json.loads(sys.argv[1])
    try:
        worker = Worker(WorkerOrder(**words))
    except Exception as error:  # noqa: BLE001
        return answer(_trouble(error))
    tasks: dict[str, Callable[..., Any]] = {
        "load": worker.load, "prepare": worker.prepare, "measure": worker.measure, "answers": worker.answers,
        "named": worker.named, "pin": worker.pin,
    }  # fmt: skip
    answer({"value": None})
    for line in sys.stdin:
        task, *details = json.loads(line)
        try:
            answer({"value": tasks[task](*details)})
        except Exception as error:  # noqa: BLE001  (whatever a library throws is this engine's result)
            answer(_trouble(error))
    return None


def _line_to_parent() -> Callable[[Any], None]:
    """Where answers go; whatever else this process prints is kept out of them."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return lambda value: print(json.dumps(value), file=out, flush=True)


def _trouble(error: Exception) -> dict[str, str]:
    if isinstance(error, UnavailableError):
        return {"unavailable": str(error)}
    first = next(iter(str(error).splitlines()), "")
    return {"failed": first if isinstance(error, EarshotError) else f"{type(error).__name__}: {first}"}


def _timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """What was made, and in how many milliseconds."""
    start = time.perf_counter()
    made = make()
    return made, 1000 * (time.perf_counter() - start)


def own_bytes() -> int:
    """That this process holds."""
    return rss_bytes([os.getpid()])


if __name__ == "__main__":
    main()
