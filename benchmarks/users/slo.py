"""Whether a load was borne as promised: answers of each kind of user, and what was promised of them.

An answer is right, or refused as documented under overload, or a failure; only right ones have a latency here.
Locust rounds what it keeps beyond 100 ms, so every figure is kept here too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.answers import percentile
from benchmarks.targets import Line, Verdict

CLASSIFY, STREAM, DEBUG = "classify", "stream", "debug"
KINDS = (CLASSIFY, STREAM, DEBUG)

REFUSED = "refused"
"""The name of all requests that were turned away as documented."""


@dataclass
class Answers:
    """Of one kind of user."""

    right_ms: list[float] = field(default_factory=list)
    refused: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def asked(self) -> int:
        """All of them."""
        return len(self.right_ms) + self.refused + self.failed.total()

    def percentile(self, percent: float) -> float:
        """Of the right ones."""
        return percentile(np.array(self.right_ms, np.float64), percent)

    def __str__(self) -> str:
        figures = ", ".join(f"p{percent} {self.percentile(percent):.1f} ms" for percent in (50, 95, 99))
        wrong = "; ".join(f"{count} × {what}" for what, count in self.failed.most_common())
        failed = f"{self.failed.total():,} failed" + (f" ({wrong})" if wrong else "")
        return f"{len(self.right_ms):,} right of {self.asked:,}, {self.refused:,} refused, {failed}; {figures}"


class Ledger:
    """Of all kinds, over one load."""

    def __init__(self) -> None:
        self._kinds: dict[str, Answers] = {}

    @property
    def kinds(self) -> dict[str, Answers]:
        """Those that took part."""
        return {kind: self._kinds[kind] for kind in KINDS if kind in self._kinds}

    def heard(
        self, request_type: str, name: str, response_time: float, exception: BaseException | None = None, **_: object
    ) -> None:
        """One answer, in the words of Locust's event."""
        answers = self._kinds.setdefault(request_type, Answers())
        if exception is not None:
            answers.failed[str(exception)] += 1
        elif name == REFUSED:
            answers.refused += 1
        else:
            answers.right_ms.append(response_time)

    def handed_over(self) -> dict[str, Any]:
        """All of it, for the process that adds up; here it is forgotten."""
        kinds, self._kinds = self._kinds, {}
        return {
            kind: {"right_ms": answers.right_ms, "refused": answers.refused, "failed": dict(answers.failed)}
            for kind, answers in kinds.items()
        }

    def add(self, other: Mapping[str, Any]) -> None:
        """What another process handed over."""
        for kind, found in other.items():
            answers = self._kinds.setdefault(kind, Answers())
            answers.right_ms += found["right_ms"]
            answers.refused += found["refused"]
            answers.failed.update(found["failed"])

    def clear(self) -> None:
        """A new load begins."""
        self._kinds = {}


@dataclass(frozen=True)
class Slo:
    """What is promised; None where nothing is."""

    p99_ms: float | None = None
    """Of each kind but debug users: the debug path computes far more, and is for people who can wait."""
    error_percent: float | None = None
    """Of all requests together."""

    @property
    def is_asked(self) -> bool:
        """Whether anything is."""
        return self.p99_ms is not None or self.error_percent is not None

    def judged(self, kinds: Mapping[str, Answers]) -> list[Line]:
        """Every promise with its figure. What nobody asked for kept no promise."""
        lines = []
        if self.p99_ms is not None:
            timed = [kind for kind in kinds if kind != DEBUG] or [CLASSIFY]
            lines += [self._p99(kind, kinds.get(kind, Answers())) for kind in timed]
        if self.error_percent is not None:
            lines.append(self._errors(list(kinds.values())))
        return lines

    def _p99(self, kind: str, answers: Answers) -> Line:
        note = f"of {len(answers.right_ms):,} right answers"
        return Line(f"{kind}: p99", answers.percentile(99), "ms", self.p99_ms, note=note)

    def _errors(self, kinds: Sequence[Answers]) -> Line:
        asked, failed = (sum(counts) for counts in ([k.asked for k in kinds], [k.failed.total() for k in kinds]))
        share = 100 * failed / asked if asked else float("nan")
        return Line("errors", share, "%", self.error_percent, note=f"{failed:,} of {asked:,} requests")


def are_held(lines: Sequence[Line]) -> bool:
    """All of them."""
    return all(line.verdict is not Verdict.MISSED for line in lines)


def sentence(line: Line) -> str:
    """A promise and what became of it."""
    promised = f"promised {line.target} {line.unit}"
    return f"SLO {line.verdict}: {line.what} {line.value:.4g} {line.unit}, {promised} ({line.note})"


def as_json(kinds: Mapping[str, Answers], lines: Sequence[Line]) -> dict[str, Any]:
    """Figures and verdicts, for a file."""
    return {
        "kinds": {
            kind: {
                "asked": answers.asked, "right": len(answers.right_ms), "refused": answers.refused,
                "failed": dict(answers.failed), "p50_ms": answers.percentile(50), "p95_ms": answers.percentile(95),
                "p99_ms": answers.percentile(99),
            }
            for kind, answers in kinds.items()
        },
        "slo": [asdict(line) | {"verdict": line.verdict.lower()} for line in lines],
    }  # fmt: skip
