"""Two sets of series side by side: what each figure was, what it is, and what may be said about the difference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.comparison.significance import LEVEL, Finding, Verdict, apart, corrected, paired, verdict
from benchmarks.page import Cell, Picture, Section, Table
from benchmarks.series import Series
from contract.errors import EarshotError

PICTURE = "compare.png"
_ARROWS = {"lower": "↓", "higher": "↑"}


@dataclass(frozen=True)
class Row:
    """One figure on both sides."""

    before: Series
    after: Series
    finding: Finding
    verdict: Verdict

    @property
    def cells(self) -> list[Cell]:
        """Of the table."""
        found, one = self.finding, self.before
        interval = f"{_fixed(found.low)}–{_fixed(found.high)}" if math.isfinite(found.low) else None
        return [
            one.name, f"{one.unit} {_ARROWS[one.better]}".strip(), one.median, self.after.median,
            _fixed(found.ratio), interval, found.p, self.verdict,
        ]  # fmt: skip

    @property
    def facts(self) -> dict[str, Any]:
        """For the file."""
        return {"name": self.before.name, "verdict": self.verdict.lower()} | asdict(self.finding)


@dataclass(frozen=True)
class Comparison:
    """B beside A, and what a reader must know before believing it."""

    names: tuple[str, str]
    rows: Sequence[Row]
    noise: float
    how: str
    """The rounds were taken."""
    remarks: Sequence[str] = ()
    """Said first: what differs besides the figures."""
    setup: Mapping[str, Any] | None = None

    @property
    def worse(self) -> list[Row]:
        """What a gate does not let through."""
        return [row for row in self.rows if row.verdict is Verdict.WORSE]

    @property
    def head(self) -> list[str]:
        """Before any figure."""
        return [*(f"{side}: {name}" for side, name in zip("AB", self.names, strict=True)), *self.remarks]

    @property
    def summary(self) -> str:
        """In a line."""
        counts = [(each, sum(row.verdict is each for row in self.rows)) for each in Verdict]
        return "Figures: " + ", ".join(f"{number} {each.lower()}" for each, number in counts if number)

    @property
    def table(self) -> Table:
        """One row per figure."""
        head = ("figure", "unit", "A", "B", "B/A", "95 % interval", "p", "verdict")
        return Table(head, [row.cells for row in self.rows])

    @property
    def series(self) -> list[Series]:
        """Of both sides, for the file."""
        sides = ((f"{side}/", one) for row in self.rows for side, one in (("A", row.before), ("B", row.after)))
        return [replace(one, name=side + one.name) for side, one in sides]

    @property
    def details(self) -> dict[str, Any]:
        """The rest, for the file."""
        return {
            "a": self.names[0], "b": self.names[1], "noise": self.noise, "level": LEVEL,
            "remarks": list(self.remarks), "setup": dict(self.setup or {}),
            "figures": [row.facts for row in self.rows],
        }  # fmt: skip

    @property
    def sections(self) -> list[Section]:
        """Of the page."""
        rules = (
            f"A figure is better or worse where it differs by more than a noise of {100 * self.noise:g} % and p is "
            f"at most {LEVEL:g}: so few comparisons of equals would show any figure differ so surely (corrected by "
            "Holm for their number). There is no difference where the whole interval lies within the noise. "
            "Elsewhere nothing can be told, and more rounds would help. An arrow points to what is better."
        )
        drawn = Picture(PICTURE, "ratio of B to A of each figure with its 95 % interval; noise is shaded")
        return [
            Section("What is compared", self.head),
            Section("Figures", [self.summary], self.table, [drawn]),
            Section("How it is judged", [self.how, rules]),
        ]


def rows_of(before: Mapping[str, Series], after: Mapping[str, Series], noise: float, *, in_turn: bool) -> list[Row]:
    """Of the figures that both have; `in_turn` where each round of one side belongs to one of the other."""
    both = [(one, after[name]) for name, one in before.items() if name in after]
    if not both:
        raise EarshotError(f"no series in common: A has {_some(before)}; B has {_some(after)}")
    pairs = [_whole_rounds(*pair) for pair in both] if in_turn else both
    found = corrected([(paired if in_turn else apart)(a.rounds, b.rounds) for a, b in pairs])
    return [
        Row(a, b, finding, verdict(finding, a.better, noise)) for (a, b), finding in zip(pairs, found, strict=True)
    ]


def _whole_rounds(before: Series, after: Series) -> tuple[Series, Series]:
    """Those in which both sides gave a number."""
    whole = [pair for pair in zip(before.rounds, after.rounds, strict=True) if all(map(math.isfinite, pair))]
    return replace(before, rounds=tuple(a for a, _ in whole)), replace(after, rounds=tuple(b for _, b in whole))


def _some(series: Mapping[str, Series]) -> str:
    names = list(series)
    return f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else "none"


def _fixed(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "∞" if value == math.inf else "–"
