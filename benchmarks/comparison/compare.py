"""What `earshot bench compare` does: two runs whose results were kept, or two commits that are measured now."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from benchmarks.answers import OK
from benchmarks.comparison.duel import KINDS, Plan, Side, duel
from benchmarks.comparison.plot import draw
from benchmarks.comparison.results_files import Results, differences, results_in
from benchmarks.comparison.significance import FEWEST_ROUNDS, rounds_needed
from benchmarks.comparison.trees import WORKING, agreed, checked_out, commit_of
from benchmarks.comparison.verdicts import PICTURE, Comparison, Row, rows_of
from benchmarks.kept import folder_for, keep
from benchmarks.provenance import Provenance
from benchmarks.report import console, say, say_where, show_table
from contract.errors import EarshotError

_NAME = "compare"
REPOSITORY = Path(__file__).parents[2]

ROUNDS_NEEDED = rounds_needed(len(KINDS))
"""Of two commits: in fewer, nothing could be called worse."""

_IN_TURN = (
    "Rounds were taken in turn, A B and then B A, with services started anew; each has a ratio of its own. Both ran "
    "with the packages of one environment."
)
_APART = (
    "Rounds of A and of B were taken apart. Those of one run share its hour and what else the machine did then, so a "
    "difference may be the hour's: two commits that are measured in turn tell more."
)

Words = tuple[str, str]


def compared(words: Words, plan: Callable[[], Plan], noise: float, *, gate: bool) -> Comparison:
    """Results or commits, whichever the words name; only of commits there is anything to plan."""
    match [_results(word) for word in words]:
        case [Results() as a, Results() as b]:
            rows = rows_of(a.series, b.series, noise, in_turn=False)
            if gate:
                _require_rounds(rows)
            return Comparison((a.name, b.name), rows, noise, _APART, [*differences(a, b), *_unmatched(a, b)])
        case [None, None]:
            planned = plan()
            if gate and planned.rounds < ROUNDS_NEEDED:
                raise EarshotError(
                    f"a gate of {planned.rounds} rounds would pass anything: give --rounds {ROUNDS_NEEDED}"
                )
            return _of_commits(words, planned, noise)
    raise EarshotError(f"{words[0]} and {words[1]}: only one of them has results; name two of them, or two commits")


def finish(comparison: Comparison, out: Path | None, *, gate: bool) -> None:
    """Show it, keep it, and fail by what is worse if that is wanted."""
    origin = Provenance.here()
    for line in comparison.head:
        say(line)
    show_table(comparison.table, comparison.summary)
    folder = folder_for(origin, out)
    draw(comparison, folder / PICTURE)
    keep(folder, _NAME, "A and B compared", origin, comparison.sections, comparison.series, comparison.details)
    say_where(folder, _NAME)
    if gate and comparison.worse:
        console.print(f"worse: {', '.join(row.before.name for row in comparison.worse)}", soft_wrap=True)
        raise typer.Exit(1)


def _require_rounds(rows: Sequence[Row]) -> None:
    """What cannot be judged is never worse, so a gate would let it through."""
    rounds = {row.before.name: (len(row.before.rounds), len(row.after.rounds)) for row in rows}
    measured = {name: both for name, both in rounds.items() if any(both)} or rounds
    name, (a, b) = min(measured.items(), key=lambda one: min(one[1]))
    if min(a, b) < FEWEST_ROUNDS:
        raise EarshotError(
            f"a gate would pass anything: {name} was measured in {a} and {b} rounds, and fewer than {FEWEST_ROUNDS} "
            "tell nothing: give the measurement more --rounds"
        )


def _results(word: str) -> Results | None:
    """None for a commit; an error for what is neither."""
    path = Path(word)
    if word not in WORKING and path.exists() and (found := results_in(path)):
        return found
    if word in WORKING or commit_of(word, REPOSITORY):
        return None
    what = "holds no results with series" if path.exists() else "is no folder of results"
    raise EarshotError(f"{word}: {what}, and no commit either")


def _of_commits(words: Words, plan: Plan, noise: float) -> Comparison:
    with checked_out(words, REPOSITORY) as trees:
        needed = [f"--{name.replace('_', '-')}" for name in plan.subject.model_settings]
        flags, left_out = agreed(plan.flags, needed, trees)
        a, b = duel(trees, replace(plan, flags=flags), say)
    remarks = [f"Left out, since one of them does not know it: {' '.join(left_out)}"] if left_out else []
    if plan.rounds < ROUNDS_NEEDED:
        remarks.append(f"In fewer than {ROUNDS_NEEDED} rounds no figure can be told to differ.")
    rows = rows_of(a.series, b.series, noise, in_turn=True)
    setup = plan.subject.facts | {"rounds": plan.rounds, "seconds": plan.seconds}
    return Comparison((a.tree.name, b.tree.name), rows, noise, _IN_TURN, [*remarks, *_told(a, b)], setup)


def _told(a: Side, b: Side) -> Iterator[str]:
    """What makes the figures those of more than code, and requests that failed."""
    yield from (f"Another model by its {line}" for line in _unlike(a.facts, b.facts))
    if others := sum(one != other for one, other in zip(a.labels, b.labels, strict=True)):
        yield f"Other answers to {others} of {len(a.labels)} clips."
    for side, one in (("A", a), ("B", b)):
        if failed := {code: number for code, number in sorted(one.codes.items()) if code != OK}:
            times = ", ".join(f"{code} {number} times" for code, number in failed.items())
            yield f"Requests to {side} without a right answer: {times}"


def _unlike(ours: Any, theirs: Any, where: str = "") -> Iterator[str]:  # noqa: ANN401
    """What both tell, each in its own way."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() & theirs.keys()):
            yield from _unlike(ours[name], theirs[name], f"{where} {name}".strip())
    elif ours != theirs:
        yield f"{where}: {_brief(ours)} / {_brief(theirs)}"


def _brief(fact: object, most: int = 40) -> str:
    text = str(fact)
    return text if len(text) <= most else f"{text[:most]}…"


def _unmatched(a: Results, b: Results) -> Iterator[str]:
    for side, one, other in (("A", a.series, b.series), ("B", b.series, a.series)):
        if alone := [name for name in one if name not in other]:
            yield f"Only in {side}: {', '.join(alone[:5])}{f' and {len(alone) - 5} more' if alone[5:] else ''}"
