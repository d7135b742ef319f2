"""The server that only reads, and what the client can do on it."""

import json
import os
from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.answers import OK, UNREACHABLE, WRONG
from benchmarks.load import Request, closed_loop, open_loop
from benchmarks.rates import client_check
from benchmarks.rates.client_check import check
from benchmarks.rates.sink import LABEL, Sink
from benchmarks.series import series_in
from benchmarks.subject import Subject
from benchmarks.wire import post

ALL = frozenset(os.sched_getaffinity(0))
BODY = bytes(441_044)


def test_every_body_is_read_and_answered() -> None:
    with Sink(ALL) as sink:
        answers = load.run(closed_loop(sink.port, [Request(post(BODY), LABEL)], 4, 0.3))
        small = load.run(closed_loop(sink.port, [Request(post(b""), LABEL), Request(post(b"x"), LABEL)], 2, 0.1))
        wrong = load.run(closed_loop(sink.port, [Request(post(BODY), "dog")], 1, 0.1))
        assert sink.cpu_seconds() > 0
    assert answers.codes == {OK: len(answers)}
    assert small.codes == {OK: len(small)}
    assert wrong.codes == {WRONG: len(wrong)}


def test_it_is_gone_afterwards() -> None:
    with Sink(ALL) as sink:
        pass
    answers = load.run(closed_loop(sink.port, [Request(post(BODY), LABEL)], 1, 0.1))
    assert answers.codes == {UNREACHABLE: len(answers)}


def test_clients_come_and_go() -> None:
    with Sink(ALL) as sink:
        for _ in range(3):
            answers = load.run(open_loop(sink.port, [Request(post(BODY), LABEL)], 200, 0.2))
            assert answers.codes == {OK: len(answers)}


def test_one_process_drives_hundreds_of_large_bodies_even_here() -> None:
    with Sink(ALL) as sink:
        answers = load.run(closed_loop(sink.port, [Request(post(BODY), LABEL)], 16, 1.0))
    assert answers.codes == {OK: len(answers)}
    assert answers.rate_between(0.2, 1.0) > 300  # thousands, where nobody else works


def test_what_the_client_can_do_is_kept(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client_check, "CONNECTIONS", (2,))
    monkeypatch.setattr(client_check, "RATES", (200.0,))
    check(subject, 0.2, 2, tmp_path, print)
    assert {file.name for file in tmp_path.iterdir()} == {"README.md", "client.json", "client.md", "client.html"}
    series = series_in(json.loads((tmp_path / "client.json").read_text(encoding="utf-8")))
    assert len(series["open, 200 per s/throughput"].rounds) == 2
    assert series["closed, 2 connections/client CPU"].median > 0
    assert "round 2 of 2: open, 200 per s: " in capsys.readouterr().out
