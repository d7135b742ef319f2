"""The ways in which a stream ends, each with the code that closes its socket."""

from typing import NamedTuple

from service.problems import ProblemError


class Farewell(NamedTuple):
    """Why a stream ends."""

    reason: str
    """In a word, for the log, the metrics and the close frame."""
    code: int | None
    """Of the close frame; None where nobody is there to read it."""
    problem: ProblemError | None = None
    """What was wrong; without one, the stream ends in order."""


ASKED = Farewell("asked", 1000)
IDLE = Farewell("idle", 1001)
DRAINING = Farewell("draining", 1012)
MODEL_CHANGED = Farewell("model_changed", 1012)
GONE = Farewell("gone", None)
"""The client has left, or reads no more."""

WRONG_TYPE = 1003
_NOT_UNDERSTOOD = 1008
_CODES = {"internal": 1011, "draining": 1012, "unavailable": 1013, "overloaded": 1013}


def because_of(problem: ProblemError, code: int | None = None) -> Farewell:
    """The stream cannot go on after this."""
    return Farewell(problem.code, code or _CODES.get(problem.code, _NOT_UNDERSTOOD), problem)
