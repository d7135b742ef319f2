"""Verdicts: a target that is missed is reported as missed, wherever it is looked for."""

import json
from pathlib import Path

import pytest
import typer

from benchmarks.report import Report, finish
from benchmarks.targets import Line, Verdict

MET = Line("quick enough", 1.0, "ms", at_most=1.5)
MISSED = Line("too slow", 1.6, "ms", at_most=1.5)


def report(*lines: Line) -> Report:
    return Report("a report", list(lines), {"bundle": "esc10-resnet"}, {"rounds": [{"p50_ms": float("nan")}]})


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (Line("at most", 2.0, at_most=2.0), Verdict.MET),
        (Line("at most", 2.01, at_most=2.0), Verdict.MISSED),
        (Line("at least", 0.95, at_least=0.95), Verdict.MET),
        (Line("at least", 0.949, at_least=0.95), Verdict.MISSED),
        (Line("both", -1, at_most=0, at_least=0), Verdict.MISSED),
        (Line("no number", float("nan"), at_most=2.0), Verdict.MISSED),
        (Line("no number", float("nan"), at_least=2.0), Verdict.MISSED),
        (Line("no promise", 7.0), Verdict.NONE),
        (Line("no rival", float("nan"), at_least=2.0, is_open=True), Verdict.OPEN),
        (Line("no promise, no rival", float("nan"), is_open=True), Verdict.NONE),
    ],
)
def test_a_verdict_is_what_the_bounds_say(line: Line, verdict: Verdict) -> None:
    assert line.verdict is verdict


def test_a_missed_target_is_shown_as_missed(capsys: pytest.CaptureFixture[str]) -> None:
    finish(report(MET, MISSED, Line("no promise", 7)), None, strict=False)
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "too slow" in line]
    assert "MISSED" in line
    assert "1 of 2 targets missed" in shown


def test_what_could_not_be_judged_is_neither_met_nor_missed(capsys: pytest.CaptureFixture[str]) -> None:
    finish(report(MET, Line("no rival", float("nan"), at_least=2.0, is_open=True)), None, strict=True)
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "no rival" in line]
    assert "not judged" in line
    assert "0 of 1 targets missed, 1 not judged" in shown


def test_a_missed_target_stands_in_the_file(tmp_path: Path) -> None:
    out = tmp_path / "results" / "service.json"
    finish(report(MET, MISSED), out, strict=False)
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [figure["verdict"] for figure in content["figures"]] == ["met", "missed"]
    assert content.keys() >= {"command", "commit", "date", "machine", "python", "packages", "setup", "details"}
    assert content["details"]["rounds"][0]["p50_ms"] is None  # JSON has no NaN


def test_a_missed_target_fails_a_strict_command(tmp_path: Path) -> None:
    out = tmp_path / "kept.json"
    with pytest.raises(typer.Exit) as ended:
        finish(report(MET, MISSED), out, strict=True)
    assert ended.value.exit_code == 1
    assert out.exists()


def test_a_strict_command_is_content_when_all_is_met() -> None:
    finish(report(MET, Line("no promise", 7)), None, strict=True)


def test_paths_of_one_machine_do_not_get_into_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["earshot", "bench", "service", "--model", "/home/somebody/small.onnx"])
    assert json.loads(report(MET).as_json())["command"] == "earshot bench service --model small.onnx"
