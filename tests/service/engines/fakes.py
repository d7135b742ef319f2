"""Engines without a model: each answer is computed from its own row, so a mix-up shows; faults come as ordered."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore

import numpy as np

from service.engines.base import Engine, EngineError, EngineFacts, Outputs, Samples

SAMPLES = 8
"""Of a window."""
MAX_BATCH = 4

POISON = 666.0
"""No batch with a window that begins so is answered."""
NOISE = 777.0
"""What begins so is answered, but not by numbers."""
DEADLY = 999.0
"""What begins so kills the engine for good."""

PATIENCE_S = 30.0
"""For what takes milliseconds, on a machine that is busy."""

FACTS = EngineFacts("fake", "1", "float32", "cpu", "fake.onnx", "0" * 64)


def window(value: float, samples: int = SAMPLES) -> Samples:
    """A window that is known by what it is filled with; 0 is silence."""
    return np.full(samples, value, np.float32)


def answer_to(heard: Samples) -> list[float]:
    """What the fake makes of a window: longer or other ones give something else."""
    return [float(heard.sum()), float(heard[0])]


def rows(outputs: Outputs) -> Sequence[list[float]]:
    """The judge of these tests."""
    return [list(map(float, row)) for row in outputs.logits]


class Gate:
    """Holds those who come through until it is opened."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._to_hold = 0
        self._opened = Event()
        self._held = Semaphore(0)

    def hold(self, count: int = 1) -> None:
        """Hold the next ones who come."""
        self._to_hold = count
        self._opened.clear()

    def open(self) -> None:
        """Let everybody go."""
        self._to_hold = 0
        self._opened.set()

    def wait_until_held(self) -> None:
        """Until somebody is there who was not waited for yet."""
        assert self._held.acquire(timeout=PATIENCE_S), "nobody came"

    def pass_through(self) -> None:
        """Come through, sooner or later."""
        with self._lock:
            is_held = self._to_hold > 0
            self._to_hold -= is_held
        if is_held:
            self._held.release()
            self._opened.wait(PATIENCE_S)


@dataclass
class Works:
    """Where fake engines come from, and the book of all that they were asked."""

    max_batch: int = MAX_BATCH
    seconds: Callable[[], float] = lambda: 0.0
    """That the next batch takes."""
    computing: Gate = field(default_factory=Gate)
    """In the middle of each batch but silence."""
    loading: Gate = field(default_factory=Gate)
    closing: Gate = field(default_factory=Gate)
    refuse_to_load: int = 0
    """So many times from now on."""
    refuse_to_warm_up: int = 0
    failing_batches: set[int] = field(default_factory=set)
    """Numbers of batches that fail; the first is 0."""
    are_deaf: bool = False
    """Whether nothing at all is answered by numbers any more."""
    batches: list[list[float]] = field(default_factory=list)
    """What began the windows of each batch; not those of silence alone."""
    made: list["FakeEngine"] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def make(self) -> Engine:
        """An engine, not loaded."""
        engine = FakeEngine(self)
        self.made.append(engine)
        return engine

    def ready(self, count: int = 1) -> list[Engine]:
        """Engines that are loaded."""
        engines = [self.make() for _ in range(count)]
        for engine in engines:
            engine.load()
        return engines

    @property
    def heard(self) -> list[float]:
        """All windows that were computed, in their order."""
        return [value for batch in self.batches for value in batch]

    def refuses(self, what: str) -> bool:
        """Whether this time it fails."""
        with self.lock:
            left: int = getattr(self, what)
            setattr(self, what, max(0, left - 1))
        return left > 0

    def number_of(self, batch: list[float]) -> int | None:
        """Write it into the book."""
        if not any(batch):
            return None
        with self.lock:
            self.batches.append(batch)
            return len(self.batches) - 1

    def open(self) -> None:
        """Let everybody go, wherever they are held."""
        for gate in (self.computing, self.loading, self.closing):
            gate.open()


class FakeEngine:
    """One of them."""

    staging: Samples

    def __init__(self, works: Works) -> None:
        self._works = works
        self.is_dead = False
        self.loads = 0
        self.closes = 0

    def load(self) -> None:
        """Allocate the buffer, once."""
        self.loads += 1
        self._works.loading.pass_through()
        if self._works.refuses("refuse_to_load"):
            raise EngineError("it does not load")
        self.staging = np.zeros((self._works.max_batch, SAMPLES), np.float32)

    def warm_up(self) -> None:
        """Nothing is faster the second time."""
        if self._works.refuses("refuse_to_warm_up"):
            raise EngineError("it does not warm up")

    def infer(self, count: int) -> Outputs:
        """Each row for itself."""
        heard = self.staging[:count].copy()
        begin = heard[:, 0].tolist()
        number = self._works.number_of(begin)
        if number is not None:
            self._works.computing.pass_through()
            time.sleep(self._works.seconds())
        self.is_dead = self.is_dead or DEADLY in begin
        if self.is_dead or POISON in begin or number in self._works.failing_batches:
            raise EngineError("it failed")
        logits = np.array([answer_to(row) for row in heard], np.float32)
        logits[np.isin(heard[:, 0], NOISE) | self._works.are_deaf] = np.nan
        return Outputs(logits, heard)

    def describe(self) -> EngineFacts:
        """Always the same."""
        return FACTS

    def close(self) -> None:
        """Nothing to give back."""
        self._works.closing.pass_through()
        self.closes += 1
