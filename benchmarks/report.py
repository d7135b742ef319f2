"""What a measurement says: figures, targets and verdicts as a table for a person, and all of it as JSON."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import page
from benchmarks.kept import without_nan
from benchmarks.page import shown
from benchmarks.provenance import Provenance
from benchmarks.targets import Line, Verdict
from contract.files import replacing

console = Console(highlight=False, markup=False)

Say = Callable[[str], None]
"""Tells a sentence to whoever watches."""


@dataclass(frozen=True)
class Report:
    """The end of a measurement."""

    title: str
    lines: list[Line]
    setup: dict[str, Any]
    """What was measured, and how."""
    details: dict[str, Any]
    """Every figure of every round."""
    provenance: Provenance = field(default_factory=Provenance.here)

    @property
    def missed(self) -> list[Line]:
        """Targets that were not met."""
        return [line for line in self.lines if line.verdict is Verdict.MISSED]

    def as_json(self) -> str:
        """All of it; what is no number is null."""
        lines = [asdict(line) | {"verdict": line.verdict.lower()} for line in self.lines]
        content = asdict(self.provenance) | {"setup": self.setup, "figures": lines, "details": self.details}
        return json.dumps(without_nan(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def say(sentence: str) -> None:
    """While it goes on."""
    console.print(sentence, soft_wrap=True)


def say_where(folder: Path, name: str) -> None:
    """At the end of a measurement that is kept."""
    console.print(f"kept in {folder}: {name}.html, {name}.md, {name}.json", soft_wrap=True)


def finish(report: Report, out: Path | None, *, strict: bool) -> None:
    """Show it, keep it, and fail by it if that is wanted."""
    show(report)
    if out is not None:
        with replacing(out) as aside:
            aside.write_text(report.as_json(), encoding="utf-8")
    if strict and report.missed:
        raise typer.Exit(1)


def as_table(lines: Sequence[Line]) -> page.Table:
    """For a page."""
    rows = [(line.what, line.value, line.unit, line.target, line.verdict.value, line.note) for line in lines]
    return page.Table(("figure", "value", "", "target", "verdict", "beside it"), rows)


def show(report: Report) -> None:
    """As a table."""
    origin = report.provenance
    console.print(f"{origin.machine}; commit {origin.commit}; {origin.date}", soft_wrap=True)
    table = Table(title=report.title)
    for heading in ("figure", "value", "target", "", "beside it"):
        table.add_column(heading, justify="right" if heading in {"value", "target"} else "left")
    for line in report.lines:
        table.add_row(line.what, f"{shown(line.value)} {line.unit}".rstrip(), line.target, line.verdict, line.note)
    console.print(table)
    verdicts = Counter(line.verdict for line in report.lines)
    judged = f"{verdicts[Verdict.MISSED]} of {verdicts[Verdict.MISSED] + verdicts[Verdict.MET]} targets missed"
    console.print(f"{judged}, {verdicts[Verdict.OPEN]} not judged" if verdicts[Verdict.OPEN] else judged)


def show_table(table: page.Table, title: str) -> None:
    """One that stands on a page too."""
    drawn = Table(title=title, box=None, padding=(0, 1, 0, 0))
    for heading, is_right in zip(table.head, page.to_the_right(table), strict=True):
        drawn.add_column(heading, justify="right" if is_right else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(shown, row))
    console.print(drawn)
