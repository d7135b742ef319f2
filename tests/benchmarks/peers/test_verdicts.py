"""What is promised beside peers, from contests whose figures are known."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.peers.contest import Bout, Contest
from benchmarks.peers.manners import Manners
from benchmarks.peers.verdicts import judged
from benchmarks.targets import Line, Verdict
from tests.benchmarks.peers.made_up import CONTEST, POLITE, RUDE, bout


def missed(bouts: Sequence[Bout]) -> list[str]:
    return [line.what for line in judged(Contest(bouts, {})) if line.verdict is Verdict.MISSED]


def departed_line(*rounds: Manners) -> Line:
    lines = judged(Contest([bout("small", "earshot", 97.0, 10.5, manners) for manners in rounds], {}))
    return next(line for line in lines if line.what == "manners: clips for the departed")


def value(what: str) -> float:
    (found,) = [line.value for line in judged(CONTEST) if line.what == what]
    return found


def test_a_contest_in_which_every_promise_is_kept_misses_nothing() -> None:
    assert missed(CONTEST.bouts) == []


def test_figures_are_medians_of_the_rounds_beside_the_bare_engine() -> None:
    assert value("small: share of the bare engine, 32 connections") == pytest.approx(0.9675)
    assert value("small: lone p50 beyond the bare engine") == pytest.approx(0.55)
    assert value("small: p99 / p50, 64 connections") == pytest.approx(1.1)


def test_a_rival_that_failed_in_a_round_is_compared_in_the_others() -> None:
    assert value("small: times the throughput of mosec, 32 connections") == pytest.approx(97 / 92)
    assert value("tiny: times the throughput of mosec, 32 connections") == pytest.approx(1100 / 800)


@pytest.mark.parametrize(
    ("bouts", "what"),
    [
        ([bout("small", "earshot", 95.0, 10.5)], "small: share of the bare engine, 32 connections"),
        ([bout("small", "earshot", 97.0, 10.8)], "small: lone p50 beyond the bare engine"),
        ([bout("tiny", "earshot", 1100.0, 1.7)], "tiny: lone p50"),
        (
            [bout("tiny", "earshot", 1000.0, 1.5), bout("tiny", "mosec", 800.0, 9.0)],
            "tiny: times the throughput of mosec, 32 connections",
        ),
    ],
)
def test_a_promise_that_is_not_kept_is_named(bouts: list[Bout], what: str) -> None:
    assert missed(bouts) == [what]


def test_without_its_rival_a_promise_is_neither_kept_nor_broken() -> None:
    lines = judged(Contest([bout("tiny", "earshot", 1100.0, 1.5), bout("small", "earshot", 97.0, 10.5)], {}))
    (line,) = [line for line in lines if "mosec" in line.what]
    assert line.what == "tiny: times the throughput of mosec, 32 connections"
    assert (line.verdict, line.note) == (Verdict.OPEN, "mosec was not measured")


@pytest.mark.parametrize("departed", [{"left": 15}, {"each_ms": 2.9}, {"each_ms": float("nan")}])
def test_of_clients_that_left_too_late_nothing_is_judged(departed: dict[str, float]) -> None:
    late = replace(POLITE, departed=replace(RUDE.departed, **departed))  # type: ignore[arg-type]
    assert departed_line(late).verdict is Verdict.OPEN
    assert departed_line(late, POLITE, RUDE).value == 23.0  # the median of those that tell


def test_peers_are_held_to_nothing() -> None:
    assert judged(Contest([bout("small", "mosec", 10.0, 90.0, RUDE)], {})) == []


def test_a_model_of_which_nothing_is_promised_has_figures_and_no_targets_of_its_own() -> None:
    lines = judged(Contest([bout("esc50-resnet", "earshot", 10.0, 90.0)], {}))
    assert {line.what for line in lines if line.verdict is not Verdict.NONE} == {
        "esc50-resnet: p99 / p50, 32 connections", "esc50-resnet: p99 / p50, 64 connections", "esc50-resnet: errors"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("manners", "named"),
    [
        (replace(POLITE, company=replace(POLITE.company, harmed=1)), ["good requests harmed"]),
        (replace(POLITE, departed=replace(POLITE.departed, clips=9.0)), ["clips for the departed"]),
        (replace(POLITE, crowd=replace(POLITE.crowd, refused_p99_ms=25.0)), ["refused within"]),
        (replace(POLITE, crowd=RUDE.crowd), ["refused with 429", "refused within"]),
        (replace(POLITE, crowd=replace(POLITE.crowd, failed=2)), ["neither served nor refused"]),
        (replace(POLITE, end=replace(POLITE.end, answered=23)), ["answered of those in flight"]),
        (replace(POLITE, end=replace(POLITE.end, status=None)), ["not clean"]),
        (replace(POLITE, end=replace(POLITE.end, listens=True)), ["not clean"]),
    ],
)
def test_bad_manners_are_named(manners: Manners, named: list[str]) -> None:
    found = missed([bout("small", "earshot", 97.0, 10.5, manners)])
    assert len(found) == len(named)
    assert all(part in what for part, what in zip(named, found, strict=True))
