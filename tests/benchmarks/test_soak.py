"""A soak of seconds against a real service."""

import json

from benchmarks.soak import Plan, run_soak
from benchmarks.subject import Subject
from benchmarks.targets import Line


def test_a_soak_of_seconds_finds_nothing_wrong(subject: Subject) -> None:
    said: list[str] = []
    report = run_soak(subject, Plan(seconds=7.0, load=0.3, hostile=0.3), said.append)
    lines: dict[str, Line] = {line.what: line for line in report.lines}
    assert lines["good requests"].value > 10
    assert lines["hostile requests"].value > 5
    missed = {line.what: line.note for line in report.missed}
    missed.pop("growth of memory", None)  # seconds after its start a service still grows
    assert missed == {}
    assert report.details["ending"]["status"] == 0
    assert sum(report.details["ending"]["later"].values()) > 0
    assert any("capacity" in name for name in report.setup)
    assert "soak" not in json.loads(report.as_json())["setup"]
    assert len(said) >= 3
