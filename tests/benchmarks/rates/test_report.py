"""What is said of a load: rows, series, sentences and files, of figures that are known, and of a real service."""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.rates.ladder import Knee
from benchmarks.rates.places import Place, place_of
from benchmarks.rates.report import finish
from benchmarks.rates.rounds import Found, Plan, Round, measure
from benchmarks.rates.rows import LEAST_FOR_P999, ladder, series_of, urgent
from benchmarks.rates.scenarios import Scenario, Scenarios
from benchmarks.raw import RawFigures
from benchmarks.series import series_in
from benchmarks.subject import Subject
from tests.benchmarks.steps import step

FILES = {"README.md", "load.json", "load.md", "load.html", "load-latency.png", "load-goodput.png"}
_SCENARIO = Scenario(requests=100, errors=0, p50_ms=10.0, tail_ms=12.0, per_s=100.0, server_cpu_ms=9.0)


def found(*rounds: Round, plan: Plan | None = None) -> Found:
    return Found("a model", plan or Plan(), 50.0, 100.0, list(rounds))


def one_round(knee: float, p99_ms: float = 20.0, answers: int = 100) -> Round:
    raw = RawFigures(clips_per_s=110.0, engine_ms=9.0, engine_cpu_ms=9.0, decode_ms=0.1)
    steps = [step(rate, p99_ms, answers=answers) for rate in (50.0, 100.0, 400.0)]
    scenarios = Scenarios(_SCENARIO, _SCENARIO, _SCENARIO, raw, raw_drift=0.125)
    return Round(scenarios, steps, [step(400.0, urgent=True)], [], Knee(knee, is_confirmed=knee > 80))


def test_rows_are_medians_of_the_rounds_at_the_same_rate() -> None:
    rows = ladder(found(one_round(80, 20.0), one_round(90, 50.0), one_round(85, 30.0)))
    assert [row.offered_per_s for row in rows] == [50.0, 100.0, 400.0]
    assert [row.share for row in rows] == [0.5, 1.0, 4.0]
    assert [row.median(lambda one: one.p99_ms) for row in rows] == [30.0] * 3
    assert len(urgent(found(one_round(80)))) == 1


def test_the_last_thousandth_is_of_all_rounds_or_of_none() -> None:
    few, enough = one_round(80, answers=LEAST_FOR_P999 // 3), one_round(80, 1000.0, answers=LEAST_FOR_P999 // 2)
    assert math.isnan(ladder(found(few, few))[0].p999_ms)
    assert ladder(found(enough, enough))[0].p999_ms == pytest.approx(999.0, abs=3)


def test_a_row_is_the_clients_where_the_client_was_late_in_most_rounds() -> None:
    late, fine = one_round(80, p99_ms=3.9), one_round(80, p99_ms=4.1)
    assert ladder(found(late, late, fine))[0].is_limited_by_client
    assert not ladder(found(late, fine, fine))[0].is_limited_by_client


def test_a_row_says_what_makes_it_less_than_it_seems() -> None:
    def noted(late_ms: float, foreign: float) -> str:
        only = replace(step(50.0), client_lag_ms=late_ms, foreign_cores=foreign)
        return ladder(found(replace(one_round(80), ladder=[only])))[0].notes

    assert noted(1.0, 0.05) == ""
    assert noted(1.0, 0.25) == "others used 25% of a core"
    assert noted(20.0, 1.0) == "limited by the client, others used 100% of a core"


def test_series_have_a_figure_for_each_round_and_names_that_last() -> None:
    series = {one.name: one for one in series_of(found(one_round(80), one_round(90)))}
    assert series["server/knee"].rounds == (80.0, 90.0)
    assert series["offline/share of the engine"].median == pytest.approx(100 / 110)
    assert series["0.50 of the capacity/p99"].better == "lower"
    assert "4.00 of the capacity, in a hurry/in time" in series
    rates = {one.name for one in series_of(found(one_round(80), plan=Plan(rates=(50.0,))))}
    assert "50 per s/p50" in rates


def test_the_page_says_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finish(found(one_round(80), one_round(90)), {"bundle": "a"}, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == FILES
    page = (tmp_path / "load.md").read_text(encoding="utf-8")
    assert "The knee is at 85.0 requests per second (80.0 to 90.0 over the rounds, " in page
    assert "confirmed by a longer load in 1 of 2), 0.85 of the 100.0 that are answered at full load" in page
    assert "Its two looks differed by up to 12%" in page
    assert "Percentiles are of right answers alone" in page
    assert "what is refused, fails or has no answer is not in time" in page
    assert "At 4.0 times what it can do, 1.00 of the capacity is answered and 1.00 in time" in page
    assert "| 400 | 4.00 |" in page
    assert str(tmp_path) in capsys.readouterr().out.splitlines()[-1].replace("\n", "")


def test_what_is_not_known_is_a_dash(tmp_path: Path) -> None:
    nan = float("nan")
    bare = Scenarios(_SCENARIO, _SCENARIO, _SCENARIO)
    apart = replace(one_round(80), scenarios=bare, ladder=[replace(step(50.0), server_cpu_ms=nan)], urgent=[])
    finish(found(apart), {}, tmp_path)
    page = (tmp_path / "load.md").read_text(encoding="utf-8")
    assert "share of the bare engine | – | – | – |" in page
    content = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    assert content["details"]["rounds"][0]["scenarios"]["raw"] is None
    assert "times what it can do" not in page


@pytest.fixture(scope="module")
def apart(subject: Subject) -> Subject:
    """Service and client each on one core, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    return replace(subject, server_cpus=str(cores[-1]), client_cpus=str(cores[0]), clip_rate=32_000)


@pytest.fixture(scope="module")
def running(apart: Subject) -> Iterator[Place]:
    """A real service and the bare engine."""
    with place_of(None, apart) as place:
        yield place


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the client wants a core of its own")
def test_a_service_is_loaded_and_all_of_it_is_kept(
    running: Place, apart: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.rates.places.RAW_S", 0.1)
    monkeypatch.setattr("benchmarks.rates.ladder.DRAIN_S", 0.3)
    monkeypatch.setattr("benchmarks.rates.ladder.DRAIN_TIMES", 3)
    result = measure(running, Plan(seconds=0.3, rounds=1, rates=(10.0, 800.0), slo_ms=100), lambda _: None)
    finish(result, apart.facts, tmp_path)
    series = series_in(json.loads((tmp_path / "load.json").read_text(encoding="utf-8")))
    assert series["offline/share of the engine"].median > 0
    assert 0 < series["server/knee"].median < 800
    assert series["offline/server CPU"].median > 0
    assert "esc10-resnet" in result.serves
    overload = result.rounds[0].urgent[0]
    assert overload.errors == 0
    assert overload.refused > 0
    assert all(one.errors == 0 for one in result.rounds[0].ladder)


def test_a_service_that_runs_is_loaded_by_its_address(running: Place, apart: Subject, tmp_path: Path) -> None:
    with place_of(f"http://127.0.0.1:{running.address.port}", apart) as place:
        result = measure(place, Plan(seconds=0.2, rounds=1, rates=(20.0,)), lambda _: None)
    finish(result, apart.facts, tmp_path)
    assert "esc10-resnet" in result.serves
    assert math.isnan(result.rounds[0].ladder[0].server_cpu_ms)
    assert result.rounds[0].ladder[0].errors == 0
    assert {file.name for file in tmp_path.iterdir()} == FILES
