"""Figures side by side: which are compared, how they are shown and kept, and what a gate says of them."""

import json
import math
from pathlib import Path

import pytest
import typer

from benchmarks.comparison.compare import finish
from benchmarks.comparison.plot import MOST_ROWS, draw
from benchmarks.comparison.significance import Verdict
from benchmarks.comparison.verdicts import Comparison, rows_of
from benchmarks.series import Better, Series, series_in
from contract.errors import EarshotError

STEADY = (10.0, 10.1, 9.9, 10.0, 10.05, 9.95, 10.0, 10.1, 9.9, 10.0)


def named(*series: Series) -> dict[str, Series]:
    return {one.name: one for one in series}


def figure(name: str, factor: float = 1.0, better: Better = "lower", unit: str = "ms") -> Series:
    return Series(name, unit, better, tuple(factor * value for value in STEADY))


def comparison(latency: float, throughput: float) -> Comparison:
    before = named(figure("p50"), figure("throughput", better="higher", unit="clips/s"), figure("memory"))
    after = named(
        figure("p50", latency), figure("throughput", throughput, "higher", "clips/s"), figure("memory", 1.001)
    )  # fmt: skip
    rows = rows_of(before, after, 0.03, in_turn=True)
    return Comparison(("HEAD~1", "HEAD"), rows, 0.03, "In turn.", ["Another machine."], {"rounds": 10})


@pytest.mark.parametrize("in_turn", [True, False])
def test_each_figure_is_judged_by_which_way_is_better(*, in_turn: bool) -> None:
    before = named(figure("p50"), figure("throughput", better="higher"), figure("p99"))
    after = named(figure("p50", 1.2), figure("throughput", 1.2, "higher"), figure("p99"))
    rows = rows_of(before, after, 0.03, in_turn=in_turn)
    assert [row.verdict for row in rows] == [Verdict.WORSE, Verdict.BETTER, Verdict.SAME]
    assert rows[0].finding.ratio == pytest.approx(1.2)


def test_only_what_both_have_is_compared() -> None:
    (row,) = rows_of(named(figure("a"), figure("b")), named(figure("b"), figure("c")), 0.03, in_turn=False)
    assert row.before.name == "b"
    with pytest.raises(EarshotError, match="no series in common: A has a; B has c"):
        rows_of(named(figure("a")), named(figure("c")), 0.03, in_turn=False)


def test_a_round_that_gave_no_number_on_one_side_is_left_out_on_both() -> None:
    broken = Series("p50", "ms", "lower", (math.nan, *STEADY[1:]))
    (row,) = rows_of(named(figure("p50")), named(broken), 0.03, in_turn=True)
    assert row.before.rounds == row.after.rounds == STEADY[1:]
    assert row.verdict is Verdict.SAME


def test_a_service_that_never_answers_is_no_reason_to_fall_over() -> None:
    silent = Series("p50", "ms", "lower", (math.nan,) * len(STEADY))
    (row,) = rows_of(named(figure("p50")), named(silent), 0.03, in_turn=True)
    assert row.verdict is Verdict.OPEN


def test_a_slowdown_is_shown_kept_and_fails_a_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        finish(comparison(1.1, 1.0), tmp_path / "out", gate=True)
    assert ended.value.exit_code == 1
    said = capsys.readouterr().out
    assert said.index("Another machine.") < said.index("p50")
    assert "worse: p50" in said
    assert "throughput clips/s ↑" in said
    content = json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8"))
    assert [one["verdict"] for one in content["details"]["figures"]] == ["worse", "no difference", "no difference"]
    assert content["details"]["setup"] == {"rounds": 10}
    assert series_in(content)["B/p50"].rounds == pytest.approx([1.1 * value for value in STEADY])
    page = (tmp_path / "out" / "compare.md").read_text(encoding="utf-8")
    assert page.index("Another machine.") < page.index("1 worse, 2 no difference") < page.index("compare.png")
    assert (tmp_path / "out" / "compare.html").exists()
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("latency", "throughput"), [(1.0, 1.0), (0.8, 1.2), (1.02, 0.98)])
def test_a_gate_lets_through_what_is_not_worse(tmp_path: Path, latency: float, throughput: float) -> None:
    finish(comparison(latency, throughput), tmp_path, gate=True)


def test_without_a_gate_a_slowdown_is_news_and_no_failure(tmp_path: Path) -> None:
    finish(comparison(1.5, 0.5), tmp_path, gate=False)


@pytest.mark.parametrize("number", [0, 1, MOST_ROWS + 20])
def test_a_picture_is_drawn_of_any_number_of_figures(tmp_path: Path, number: int) -> None:
    names = [f"engine {turn}/p50" for turn in range(number)]
    before = named(figure("errors", 0.0), *map(figure, names))
    after = named(figure("errors", 1.0), *(figure(name, 1 + turn / 100) for turn, name in enumerate(names)))
    draw(Comparison(("a", "b"), rows_of(before, after, 0.03, in_turn=True), 0.03, "In turn."), tmp_path / "it.png")
    assert (tmp_path / "it.png").stat().st_size > 1000
