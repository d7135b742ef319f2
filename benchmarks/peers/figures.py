"""Every figure of a contest by name, as series for comparisons and as tables for readers."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

from benchmarks.levels import Level
from benchmarks.page import Cell, Table
from benchmarks.peers.contest import FULL, LONE, Bout, Contest
from benchmarks.peers.manners import COMPANIES, GOOD, IN_FLIGHT, LEAVING, Manners
from benchmarks.series import Better, Series
from benchmarks.series import gathered as series

T = TypeVar("T")


@dataclass(frozen=True)
class Figure(Generic[T]):
    """How one is read off what was measured."""

    name: str
    unit: str
    better: Better
    of: Callable[[T], float]
    heading: str
    """Short, for the head of a column."""

    def median(self, found: Sequence[T]) -> float:
        """Over the rounds that gave a number."""
        values = [value for value in map(self.of, found) if not math.isnan(value)]
        return median(values) if values else math.nan


RATE = Figure[Level]("throughput", "1/s", "higher", lambda level: level.good_per_s, "clips/s")
SHARE = Figure[Level]("share of the bare engine", "", "higher", lambda level: level.share_of_engine, "of engine")
P50 = Figure[Level]("p50", "ms", "lower", lambda level: level.p50_ms, "p50 ms")
P95 = Figure[Level]("p95", "ms", "lower", lambda level: level.p95_ms, "p95 ms")
P99 = Figure[Level]("p99", "ms", "lower", lambda level: level.p99_ms, "p99 ms")
STEADY = Figure[Level]("p99 / p50", "", "lower", lambda level: level.p99_ms / level.p50_ms, "p99/p50")
CPU = Figure[Level]("CPU per request", "ms", "lower", lambda level: level.server_cpu_ms, "CPU ms")
ERRORS = Figure[Level]("errors", "", "lower", lambda level: level.errors, "errors")
LOADED = (RATE, SHARE, P50, P95, P99, STEADY, CPU, ERRORS)
"""Of each load."""

START = Figure[Bout]("first answer after", "s", "lower", lambda bout: bout.start_s, "start s")
MEMORY = Figure[Bout]("memory after all loads", "MB", "lower", lambda bout: bout.memory_mb, "MB")
AROUND = (START, MEMORY)

AT_A_GLANCE: tuple[Figure[Manners], ...] = (
    Figure(f"harmed of {COMPANIES * GOOD}", "", "lower", lambda one: one.company.harmed, "harmed"),
    Figure("clips for the departed", "", "lower", lambda one: one.departed.in_vain, "in vain"),
    Figure("wait after the departed", "ms", "lower", lambda one: one.departed.next_ms, "next ms"),
    Figure("p50 of a crowd", "ms", "lower", lambda one: one.crowd.served_p50_ms, "crowd ms"),
    Figure("refused of a crowd", "", "higher", lambda one: one.crowd.refused, "refused"),
    Figure("refused within, p99", "ms", "lower", lambda one: one.crowd.refused_p99_ms, "p99 ms"),
    Figure(f"answered of {IN_FLIGHT} at the end", "", "higher", lambda one: one.end.answered, "at end"),
)
BEHAVED = (
    *AT_A_GLANCE,
    Figure[Manners]("served of a crowd", "1/s", "higher", lambda one: one.crowd.served_per_s, "crowd/s"),
    Figure[Manners]("longest wait of a crowd", "ms", "lower", lambda one: one.crowd.served_max_ms, "longest ms"),
)


def series_of(contest: Contest) -> list[Series]:
    """`tiny/earshot/32 connections/p50`, each with a value for every round."""
    return [one for model, server, bouts in _each(contest) for one in _series(f"{model}/{server}", bouts)]


def glances_at(contest: Contest) -> Iterator[tuple[str, Table]]:
    """What fits a terminal: a table for each model with a row for each server, and manners; all with a heading."""
    loaded = (RATE.heading, SHARE.heading, "lone ms", STEADY.heading, CPU.heading)
    head = ("server", *loaded, *(figure.heading for figure in AROUND))
    for model in contest.models:
        rows = [(server, *_glance(bouts)) for of, server, bouts in _each(contest) if of == model]
        yield f"{model}, {FULL} connections", Table(head, rows)
    if behaved := [(server, *_behaved(AT_A_GLANCE, found)) for server, found in _with_manners(contest)]:
        yield "Manners", Table(("server", *(figure.heading for figure in AT_A_GLANCE)), behaved)


def all_of(contest: Contest) -> Iterator[tuple[str, Table]]:
    """Every load on every server, a table for each model, and all about manners, by the names of series."""
    head = ("server", "connections", *(figure.heading for figure in LOADED), "others' cores", "engine ±")
    for model in contest.models:
        rows = [row for of, server, bouts in _each(contest) if of == model for row in _loaded_rows(server, bouts)]
        yield f"Every load: {model}", Table(head, rows)
    head = (
        "server",
        *(figure.name for figure in BEHAVED),
        f"gone before their answer, of {LEAVING}",
        "exit status",
    )
    if behaved := [(server, *_behaved(BEHAVED, found), *_beside(found)) for server, found in _with_manners(contest)]:
        yield "All about manners", Table(head, behaved)


def _glance(bouts: Sequence[Bout]) -> Iterator[Cell]:
    full, lone = ([bout.level(connections) for bout in bouts] for connections in (FULL, LONE))
    yield from (RATE.median(full), SHARE.median(full), P50.median(lone), STEADY.median(full), CPU.median(full))
    yield from (figure.median(bouts) for figure in AROUND)


def _loaded_rows(server: str, bouts: Sequence[Bout]) -> Iterator[tuple[Cell, ...]]:
    for levels in zip(*(bout.levels for bout in bouts), strict=True):
        unrest = median(level.foreign_cores for level in levels), median(level.raw_drift for level in levels)
        yield server, levels[0].connections, *(figure.median(levels) for figure in LOADED), *unrest


def _with_manners(contest: Contest) -> Iterator[tuple[str, list[Manners]]]:
    for _, server, bouts in _each(contest):
        if found := [bout.manners for bout in bouts if bout.manners]:
            yield server, found


def _behaved(figures: Sequence[Figure[Manners]], found: Sequence[Manners]) -> tuple[Cell, ...]:
    return tuple(figure.median(found) for figure in figures)


def _beside(found: Sequence[Manners]) -> tuple[Cell, Cell]:
    exits = {"none" if one.end.status is None else str(one.end.status) for one in found}
    return median(one.departed.left for one in found), ", ".join(sorted(exits))


def _series(name: str, bouts: Sequence[Bout]) -> Iterator[Series]:
    for levels in zip(*(bout.levels for bout in bouts), strict=True):
        yield from _read(f"{name}/{levels[0].name}", LOADED, levels)
    yield from _read(name, AROUND, bouts)
    yield from _read(f"{name}/manners", BEHAVED, [bout.manners for bout in bouts if bout.manners])


def _read(name: str, figures: Sequence[Figure[T]], found: Sequence[T]) -> list[Series]:
    return [
        series(f"{name}/{figure.name}", figure.unit, figure.better, map(figure.of, found))
        for figure in figures
        if found
    ]


def _each(contest: Contest) -> Iterator[tuple[str, str, list[Bout]]]:
    for model in contest.models:
        for server in contest.servers:
            if bouts := contest.of(model, server):
                yield model, server, bouts
