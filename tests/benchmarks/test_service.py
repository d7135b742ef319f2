"""All that is measured of the service, in seconds instead of minutes: every figure is there and none is absurd."""

import math
import os
from dataclasses import replace

import pytest

from benchmarks.service import measure
from benchmarks.subject import Subject
from benchmarks.targets import Line


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the client wants a core of its own")
def test_every_figure_is_measured(subject: Subject) -> None:
    first, second = sorted(os.sched_getaffinity(0))[:2]
    apart = replace(subject, server_cpus=str(second), client_cpus=str(first), flags="--max-queue 64")
    said: list[str] = []
    report = measure(apart, seconds=1.0, rounds=1, starts=1, say=said.append)
    lines: dict[str, Line] = {line.what: line for line in report.lines}
    assert not [line.what for line in report.lines if math.isnan(line.value)]
    assert 0 < lines["64 connections: share of the bare engine"].value < 1.5
    assert 0 < lines["4 times too much: goodput / full load"].value < 2
    assert lines["start: with PyTorch"].value == 0
    assert lines["lone: errors"].value == lines["64 connections: errors"].value == 0
    assert report.details["rounds"][0]["overload"]["refusals"]["count"] > 0
    assert len(said) == 1 + 4 + 2
