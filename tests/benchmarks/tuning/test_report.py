"""What a reader sees of a tuning."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.provenance import Provenance
from benchmarks.series import series_in
from benchmarks.tuning.choice import Measured, Tuned
from benchmarks.tuning.profile import write_profile
from benchmarks.tuning.report import described, keep_all, others_in, show, table_of
from contract.errors import EarshotError
from service.profiles import Goal, find_profile
from tests.benchmarks.tuned import measured
from tests.service.profiles import PLACE

DEFAULT = measured(5.0, 150, 200, 220, rounds=2)
BEST = measured(6.0, 150, 300, 310, batch=8, rounds=2)
LATE = measured(4.0, 150, 200, 400, p99_ms=(21.0, 30.0, 40.0), batch=1)
ORIGIN = Provenance.here()


def tuned(chosen: Measured | None = BEST) -> Tuned:
    goal = Goal(name="throughput", p99_ms=20.0)
    return Tuned(goal, [DEFAULT, BEST, LATE], [DEFAULT, BEST], chosen, on_gpu=False)


def test_the_table_sets_each_candidate_beside_the_default() -> None:
    assert table_of(tuned()).rows == [
        ["1 × 2", 4, 5.0, 1.0, 200, 1.0, 20.0, 4, "default"],
        ["1 × 2", 8, 6.0, 1.2, 300, 1.5, 20.0, 4, "chosen"],
        ["1 × 2", 1, 4.0, 0.8, None, None, None, None, "left out"],
    ]


def test_the_terminal_shows_what_was_chosen_even_where_it_is_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    show(tuned())
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "chosen" in line]
    assert line.split() == ["1", "×", "2", "8", "6", "1.2", "300", "1.5", "20", "4", "chosen"]
    assert "throughput with p99 ≤ 20 ms" in shown


def test_page_picture_and_figures_are_kept_under_the_goals_name(tmp_path: Path) -> None:
    keep_all(tuned(), tmp_path, ORIGIN, {"bundle": "mine"})
    assert (tmp_path / "tune-throughput.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "tune-throughput.md").read_text(encoding="utf-8")
    assert "Chosen: 1 engine × 2 threads, batches up to 8." in page
    assert "](tune-throughput.png)" in page
    content = json.loads((tmp_path / "tune-throughput.json").read_text(encoding="utf-8"))
    assert content["details"]["chosen"] == {"replicas": 1, "threads": 2, "max_batch": 8}
    assert [len(one["rounds"]) for one in content["details"]["candidates"]] == [2, 2, 1]
    series = series_in(content)
    assert series["1 engine × 2 threads, batches up to 8/4 connections/throughput"].rounds == (300, 300)
    assert len(series) == 2 * 3 * 3


def test_a_machine_that_cannot_draw_keeps_all_but_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "benchmarks.tuning.plot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    keep_all(tuned(), tmp_path, ORIGIN, {})
    assert not (tmp_path / "tune-throughput.png").exists()
    assert "matplotlib is not installed" in (tmp_path / "tune-throughput.md").read_text(encoding="utf-8")


def test_others_who_use_the_machine_are_told_of() -> None:
    assert others_in(tuned()) == "Others used 10 % of a core meanwhile."
    point = DEFAULT.rounds[0][0]
    busy = Measured(DEFAULT.tuning, [[type(point)(1, 1, 1, 1, 0, foreign_cores=0.5)]])
    assert "run it again" in others_in(Tuned(tuned().goal, [busy], [busy], busy, on_gpu=False))


def test_a_line_says_what_the_last_round_came_to() -> None:
    assert described(measured(5.0, 150, 200, 220, errors=3), on_gpu=True) == (
        "1 stream, batches up to 4: lone p50 5.00 ms; 4 at once 200/s, p99 20.0 ms; 8 at once 220/s, p99 40.0 ms; "
        "6 errors"
    )


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    return tmp_path


def test_what_was_chosen_is_what_the_service_will_find(cache: Path) -> None:
    said: list[str] = []
    write_profile(tuned(), PLACE, ORIGIN, said.append)
    profile = find_profile(PLACE, pytest.fail)
    assert profile
    assert (profile.tuning, profile.goal, profile.commit) == (BEST.tuning, tuned().goal, ORIGIN.commit)
    assert profile.figures == {
        "lone p50 ms": 6.0, "requests per s": 300.0, "p99 ms": 20.0,
        "default: lone p50 ms": 5.0, "default: requests per s": 200.0, "default: p99 ms": 20.0,
    }  # fmt: skip
    assert str(cache) in said[0]


def test_where_nothing_reaches_the_goal_no_profile_is_written(cache: Path) -> None:
    with pytest.raises(EarshotError, match="nothing here gives throughput with p99 ≤ 20 ms"):
        write_profile(tuned(None), PLACE, ORIGIN, pytest.fail)
    assert not list(cache.iterdir())
