"""What tuning found: a line while it goes on, a table of candidates, and a page with all figures."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich.table
from rich.box import SIMPLE

from benchmarks.kept import keep
from benchmarks.page import Cell, Picture, Section, Table, shown
from benchmarks.provenance import Provenance
from benchmarks.report import console
from benchmarks.series import Series, gathered
from benchmarks.tuning.choice import EQUAL, LEAST_KEPT, WORSE, Measured, Point, Tuned
from benchmarks.tuning.grid import name_of


def described(one: Measured, *, on_gpu: bool) -> str:
    """The last round of it, while the next goes on."""
    lone, *more = one.rounds[-1]
    loads = "; ".join(f"{point.connections} at once {point.per_s:.0f}/s, p99 {point.p99_ms:.1f} ms" for point in more)
    errors = sum(point.errors for point in one.rounds[-1])
    told = f"; {errors} errors" if errors else ""
    return f"{name_of(one.tuning, on_gpu=on_gpu)}: lone p50 {lone.p50_ms:.2f} ms; {loads}{told}"


def table_of(tuned: Tuned) -> Table:
    """A row for each candidate, the default first."""
    head = [
        "streams" if tuned.on_gpu else "engines × threads", "batch", "lone p50 ms", "of default", "per second",
        "of default", "p99 ms", "at once", "",
    ]  # fmt: skip
    return Table(head, [_row(one, tuned) for one in tuned.measured])


def show(tuned: Tuned) -> None:
    """On the terminal."""
    content = table_of(tuned)
    table = rich.table.Table(
        title=f"for {tuned.goal.words}, medians of the rounds", box=SIMPLE, pad_edge=False, collapse_padding=True
    )
    for heading in content.head[:-1]:
        table.add_column(heading, justify="right")
    table.add_column(content.head[-1])
    for one, row in zip(tuned.measured, content.rows, strict=True):
        table.add_row(*map(shown, row), style="bold" if one is tuned.chosen else "")
    console.print(table)
    console.print(others_in(tuned), soft_wrap=True)


def keep_all(tuned: Tuned, folder: Path, origin: Provenance, setup: dict[str, Any]) -> None:
    """The page, the picture, and every figure of every round."""
    name = f"tune-{tuned.goal.name}"
    sections = [
        Section("Candidates", _words(tuned), table_of(tuned)),
        _curves(tuned, folder / f"{name}.png"),
        Section("Every load", ["Medians of the rounds."], _points_of(tuned)),
    ]
    details = {
        "setup": setup,
        "goal": tuned.goal.model_dump(),
        "chosen": tuned.chosen and tuned.chosen.tuning.model_dump(),
        "default": tuned.default.tuning.model_dump(),
        "candidates": [
            {
                "tuning": one.tuning.model_dump(),
                "rounds": [[asdict(point) for point in points] for points in one.rounds],
            }
            for one in tuned.measured
        ],
    }
    keep(folder, name, f"Tuned for {tuned.goal.words}", origin, sections, _series(tuned), details)


MOST_FOREIGN = 0.2
"""Of a core that others may use without spoiling the figures."""

_CURVES = (
    "Each line is a candidate, each point a number of connections, from one on the left to the most. Those in faint "
    "grey were clearly worse in the first round and not measured again. A dashed line is the bound of the goal."
)
_NO_CURVES = "Not drawn: matplotlib is not installed where this was measured."


_RULES = (
    f"What differs by less than {100 * EQUAL:g} % counts as equal: then the default is kept, if it is among them. "
    f"What was {100 * WORSE:g} % behind the best in the first round was left out, but for the {LEAST_KEPT} best. "
    "Service and client shared the machine, and every visit started the service anew, without a profile."
)


def _curves(tuned: Tuned, file: Path) -> Section:
    """A machine that only serves may do without what draws them."""
    try:
        from benchmarks.tuning.plot import draw
    except ModuleNotFoundError:
        return Section("Trade-off", [_NO_CURVES])
    draw(tuned, file)
    shows = f"Requests per second against latency, a line for each candidate; goal: {tuned.goal.words}"
    return Section("Trade-off", [_CURVES], pictures=[Picture(file.name, shows)])


def _words(tuned: Tuned) -> list[str]:
    chosen = name_of(tuned.chosen.tuning, on_gpu=tuned.on_gpu) if tuned.chosen else "none, as none reaches the goal"
    bound = "" if tuned.goal.p99_ms is None else f" with p99 within {shown(tuned.goal.p99_ms)} ms"
    most = f"Requests per second are the most that any number of connections got{bound}."
    return [f"Chosen: {chosen}. {most}", _RULES, others_in(tuned)]


def others_in(tuned: Tuned) -> str:
    """How much of the machine was not ours, and what to think of it."""
    told = f"Others used {100 * tuned.foreign_cores:.0f} % of a core meanwhile"
    return f"{told}: run it again when nothing else runs." if tuned.foreign_cores > MOST_FOREIGN else f"{told}."


def _row(one: Measured, tuned: Tuned) -> list[Cell]:
    default, limit = tuned.default, tuned.goal.p99_ms
    best, usual = one.best(limit), default.best(limit)
    shape: Cell = one.tuning.replicas if tuned.on_gpu else f"{one.tuning.replicas} × {one.tuning.threads}"
    reached: list[Cell] = [None, None, None, None]
    if best:
        reached = [best.per_s, best.per_s / usual.per_s if usual else None, best.p99_ms, best.connections]
    lone = [one.lone_ms, one.lone_ms / default.lone_ms]
    return [shape, one.tuning.max_batch, *lone, *reached, _mark(one, tuned)]


def _mark(one: Measured, tuned: Tuned) -> str:
    marks = {"chosen": one is tuned.chosen, "default": one is tuned.default, "left out": one not in tuned.left}
    return ", ".join(word for word, holds in marks.items() if holds)


def _points_of(tuned: Tuned) -> Table:
    head = ["candidate", "connections", "per second", "p50 ms", "p99 ms", "errors", "others' cores", "rounds"]
    return Table(
        head,
        [
            [name_of(one.tuning, on_gpu=tuned.on_gpu), *asdict(point).values(), len(one.rounds)]
            for one in tuned.measured
            for point in one.points
        ],
    )


def _series(tuned: Tuned) -> list[Series]:
    """Of those that were measured to the end."""
    return [
        series
        for one in tuned.left
        for same in zip(*one.rounds, strict=True)
        for series in _series_of(
            f"{name_of(one.tuning, on_gpu=tuned.on_gpu)}/{same[0].connections} connections", same
        )
    ]


def _series_of(name: str, same: tuple[Point, ...]) -> list[Series]:
    return [
        gathered(f"{name}/throughput", "1/s", "higher", (point.per_s for point in same)),
        gathered(f"{name}/p50", "ms", "lower", (point.p50_ms for point in same)),
        gathered(f"{name}/p99", "ms", "lower", (point.p99_ms for point in same)),
    ]
