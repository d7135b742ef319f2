"""What must not happen in a soak: the lines of its report."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.answers import LOST, OK, REFUSED, SILENT, UNREACHABLE, WRONG, Answers
from benchmarks.hostile import Tally
from benchmarks.targets import Line

DRAINING = "draining"
GROWTH = 0.05
"""Of memory from the first stretch to the last."""

_NO_ANSWER = (LOST, SILENT, UNREACHABLE)
_AFTER_THE_SIGNAL = (OK, REFUSED, DRAINING, LOST, UNREACHABLE)
"""A connection may be closed under a request that was not accepted."""


@dataclass(frozen=True)
class Slice:
    """A minute, or what stands for one."""

    start_s: float
    requests: int
    refused: int
    p50_ms: float
    p99_ms: float
    rss_mb: float


@dataclass(frozen=True)
class Ending:
    """What became of requests around SIGTERM, and of the process."""

    in_flight: int
    """Sent before the signal and not answered yet."""
    lost: int
    """Of those, without an answer for ever."""
    later: dict[str, int]
    """How those ended that were sent after the signal."""
    status: int | None
    """Of the exit; None where there was none."""
    left: int
    """Processes that outlived it."""

    @classmethod
    def of(cls, answers: Answers, signalled: float, status: int | None, left: int) -> "Ending":
        """From the moment of the signal, on the clock of the load."""
        earlier = answers.where(answers.sent < signalled)
        in_flight = earlier.where(earlier.ended >= signalled)
        later = answers.where(answers.sent >= signalled)
        return cls(len(in_flight), in_flight.count(*_NO_ANSWER), later.codes, status, left)

    @property
    def unexpected(self) -> int:
        """Of those that came later, how many neither were answered nor turned away."""
        return sum(count for code, count in self.later.items() if code not in _AFTER_THE_SIGNAL)


def judged(
    before: Answers, slices: Sequence[Slice], hostile: Tally, ending: Ending, foreign_cores: float
) -> list[Line]:
    """Of the good requests before the signal, the stretches, the hostile ones, and the end."""
    return [*_good(before, slices, foreign_cores), *_hostile(hostile), _memory(slices), *_ending(ending)]


def _good(before: Answers, slices: Sequence[Slice], foreign_cores: float) -> list[Line]:
    first, last = slices[0], slices[-1]
    draining = before.count(DRAINING)
    failed = int((before.status >= 500).sum()) - draining
    refused = 100 * before.count(REFUSED) / max(1, len(before))
    return [
        Line("good requests", len(before), note=f"others used {100 * foreign_cores:.0f} % of a core"),
        Line("wrong answers", before.count(WRONG), at_most=0),
        Line("status 5xx", failed, at_most=0, note=f"beside {draining} that were refused as the service shut down"),
        Line("no answer", before.count(*_NO_ANSWER), at_most=0),
        Line("refused for overload", refused, "%"),
        Line("p50, last stretch", last.p50_ms, "ms", note=f"first stretch {first.p50_ms:.1f}"),
        Line("p99, last stretch", last.p99_ms, "ms", note=f"first stretch {first.p99_ms:.1f}"),
    ]


def _hostile(tally: Tally) -> list[Line]:
    wrong = "; ".join(f"{what}, {count} times" for what, count in tally.wrong.items())
    return [
        Line("hostile requests", sum(tally.sent.values()), note=f"of {len(tally.sent)} kinds"),
        Line("hostile: not answered as documented", sum(tally.wrong.values()), at_most=0, note=wrong),
        Line("hostile: status 5xx", tally.server_errors, at_most=0),
    ]


def _memory(slices: Sequence[Slice]) -> Line:
    first, last = slices[0].rss_mb, slices[-1].rss_mb
    return Line("growth of memory", 100 * (last / first - 1), "%", 100 * GROWTH, note=f"{first:.1f} to {last:.1f} MB")


def _ending(ending: Ending) -> list[Line]:
    status = float("nan") if ending.status is None else ending.status
    later = ", ".join(f"{count} {code}" for code, count in ending.later.items())
    return [
        Line("SIGTERM: sent before, never answered", ending.lost, at_most=0, note=f"of {ending.in_flight} in flight"),
        Line("SIGTERM: later ones, not turned away", ending.unexpected, at_most=0, note=later),
        Line("SIGTERM: exit status", status, at_most=0, at_least=0),
        Line("SIGTERM: processes left", ending.left, at_most=0),
    ]
