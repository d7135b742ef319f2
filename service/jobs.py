"""One request's windows on their way through the engine, and the ways in which it can end."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from contract.errors import EarshotError
from service.engines.base import Wave


class End(StrEnum):
    """How a job ended. Every job ends exactly once."""

    ANSWERED = "answered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class EngineFailure(EarshotError):  # noqa: N818  (it says what happened)
    """The engine could not answer this input, though it answers others."""


@dataclass(eq=False, slots=True)
class Job:
    """A request's windows; `Line` moves it from one state to the next, nobody else."""

    windows: list[Wave]
    """Views of one waveform; let go of when the job ends, whoever still holds the job."""
    deadline: float
    """On the clock of the line; after it, no compute is spent."""
    waiter: Any = None
    """What whoever announces ends needs to find the one that waits: a future."""
    end: End | None = None
    error: Exception | None = None
    rows: list[Any] = field(default_factory=list)
    """The answers, one per window."""
    given: int = 0
    """Windows that were handed to an engine so far."""
    missing: int = 0
    """Windows without an answer."""
    submitted: float = 0.0
    started: float | None = None
    """None where no engine ever had a window of it."""
    finished: float = 0.0
    batch_size: int = 0
    """Of the largest batch that it was part of."""

    def __post_init__(self) -> None:
        """The answers come in any order; where none is asked for, none would ever end the job."""
        if not self.windows:
            raise ValueError("a job has at least one window")
        self.missing = len(self.windows)
        self.rows = [None] * self.missing

    @property
    def queue_seconds(self) -> float:
        """From submission until the first window was handed to an engine, or to the end where that came first."""
        return (self.finished if self.started is None else self.started) - self.submitted

    @property
    def engine_seconds(self) -> float:
        """From there to the end."""
        return 0.0 if self.started is None else self.finished - self.started


class Ticket(NamedTuple):
    """One window of a job, in the hands of an engine."""

    job: Job
    place: int
    """Of the window among those of its job."""
    window: Wave
    """Kept here, because a job lets go of its windows when it ends."""
    attempt: int = 1
