"""The lines of the service's report, from levels whose figures are known."""

from dataclasses import replace

import pytest

from benchmarks.levels import Level, MemoryUnderLoad, Refusals, Round, Start
from benchmarks.promises import judged
from benchmarks.raw import RawFigures
from benchmarks.targets import Line, Verdict

RAW = RawFigures(clips_per_s=100.0, engine_ms=10.0, engine_cpu_ms=9.5, decode_ms=0.5)


def level(
    name: str, connections: int | None, good_per_s: float, p50_ms: float, offered: float | None = None
) -> Level:
    return Level(
        name=name, connections=connections, offered_per_s=offered, requests=1000, codes={"ok": 1000},
        good_per_s=good_per_s, p50_ms=p50_ms, p95_ms=p50_ms, p99_ms=1.1 * p50_ms, raw=RAW, server_cpu_ms=10.5,
        foreign_cores=0.0,
    )  # fmt: skip


GOOD = Round(
    lone=level("lone", 1, 85.0, 11.5),
    saturated=[level("32 connections", 32, 96.0, 330.0), level("64 connections", 64, 97.0, 660.0)],
    overload=replace(
        level("4 times too much", None, 95.0, 1000.0, 388.0),
        codes={"ok": 250, "overloaded": 750},
        refusals=Refusals(750, 1.0, 5.0, 9.0, 1.0),
        memory=MemoryUnderLoad(200.0, 210.0, 212.0, 213.0),
    ),
    shared=[level("32 connections, all", 32, 93.0, 340.0)],
    rss_after_mb=250.0,
)
START = Start(ready_s=1.2, rss_mb=160.0, pss_mb=130.0, has_torch=False)


def missed(*rounds: Round, start: Start = START) -> list[str]:
    return [line.what for line in judged([start], rounds) if line.verdict is Verdict.MISSED]


def line(what: str, *rounds: Round) -> Line:
    (found,) = [line for line in judged([START], rounds) if line.what == what]
    return found


def test_a_service_that_keeps_every_promise_misses_nothing() -> None:
    assert missed(GOOD) == []


def test_figures_are_set_against_the_bare_engine() -> None:
    assert line("lone: p50 beyond engine and decoding", GOOD).value == pytest.approx(1.0)
    assert line("32 connections: share of the bare engine", GOOD).value == pytest.approx(0.96)
    assert line("64 connections: CPU beyond engine and decoding", GOOD).value == pytest.approx(0.5)
    assert line("4 times too much: goodput / full load", GOOD).value == pytest.approx(95 / 97)


def test_medians_are_taken_over_the_rounds() -> None:
    rounds = [replace(GOOD, lone=replace(GOOD.lone, p50_ms=p50)) for p50 in (11.0, 14.0, 11.2)]
    assert line("lone: p50 beyond engine and decoding", *rounds).value == pytest.approx(0.7)


def test_one_error_in_one_round_is_a_missed_target() -> None:
    bad = replace(GOOD, saturated=[replace(GOOD.saturated[0], codes={"ok": 999, "wrong": 1}), GOOD.saturated[1]])
    assert missed(GOOD, bad, GOOD) == ["32 connections: errors"]


def test_refusals_are_no_errors_under_overload_only() -> None:
    refusing = replace(GOOD.saturated[0], codes={"ok": 999, "overloaded": 1})
    assert missed(replace(GOOD, saturated=[refusing, GOOD.saturated[1]])) == ["32 connections: errors"]


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (replace(GOOD, lone=replace(GOOD.lone, p50_ms=12.1)), "lone: p50 beyond engine and decoding"),
        (replace(GOOD, lone=replace(GOOD.lone, server_cpu_ms=11.1)), "lone: CPU beyond engine and decoding"),
        (
            replace(GOOD, shared=[replace(GOOD.shared[0], good_per_s=91.0)]),
            "32 connections, all: share of the bare engine",
        ),
        (replace(GOOD, overload=replace(GOOD.overload, good_per_s=80.0)), "4 times too much: goodput / full load"),
        (
            replace(GOOD, overload=replace(GOOD.overload, refusals=Refusals(1, 1.0, 21.0, 21.0, 1.0))),
            "4 times too much: refused within, p99",
        ),
        (
            replace(GOOD, overload=replace(GOOD.overload, memory=MemoryUnderLoad(200.0, 200.0, 212.0, 212.0))),
            "4 times too much: growth of memory",
        ),
        (replace(GOOD, overload=replace(GOOD.overload, memory=None)), "4 times too much: growth of memory"),
        (replace(GOOD, rss_after_mb=301.0), "memory after all loads"),
    ],
)  # fmt: skip
def test_a_promise_that_is_broken_is_missed(bad: Round, what: str) -> None:
    assert missed(bad) == [what]


def test_a_start_that_loads_pytorch_is_missed() -> None:
    assert missed(GOOD, start=replace(START, has_torch=True)) == ["start: with PyTorch"]


def test_one_core_has_no_figures_of_several() -> None:
    assert missed(replace(GOOD, shared=[])) == []
