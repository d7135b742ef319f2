"""Locust itself, in processes of its own: it changes the one that imports it."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.subject import Subject
from benchmarks.users.run import LOCUSTFILE, ROOT, Order, run
from tests.benchmarks.stub import Answer, named, problem, stub

pytestmark = pytest.mark.skipif(
    find_spec("locust") is None, reason="locust is not installed: pip install -e '.[bench]'"
)

DEBUG_IS_ON: Answer = (200, {}, b'{"layers": []}')


def locust(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A short load, from another folder than the checkout."""
    program = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--host", url]
    return subprocess.run(
        [*program, *words], capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
    )


def test_users_of_all_kinds_load_a_service(
    subject: Subject, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flags = "--stream-weight 4 --stop-timeout 0 --pause-s 0.1"
    order = Order(users=4, seconds=3, p99_ms=20_000, error_rate=0, flags=flags)
    assert run(subject, order, tmp_path) == 0
    content = json.loads((tmp_path / "load-locust.json").read_text(encoding="utf-8"))
    for kind, least in (("classify", 5), ("stream", 2)):
        found = content["details"]["kinds"][kind]
        assert found["right"] >= least
        assert found["failed"] == {}
    assert [one["verdict"] for one in content["details"]["slo"]] == ["met", "met", "met"]
    assert {one["name"] for one in content["series"]} >= {"classify/p99", "stream/p50"}
    rows = (tmp_path / "locust_stats.csv").read_text(encoding="utf-8").splitlines()
    asked = sum(one["asked"] for one in content["details"]["kinds"].values())
    assert int(rows[-1].split(",")[2]) == asked
    assert any(row.startswith("stream,hop,") for row in rows)
    assert "<html" in (tmp_path / "locust.html").read_text(encoding="utf-8").lower()
    written = capfd.readouterr()
    assert written.out.count("SLO met") == 3
    assert written.err.count("debug users take no part") == 1


def test_every_answer_is_judged_in_a_load_that_changes(tmp_path: Path) -> None:
    """One in five is right, wrong, refused as documented, refused otherwise, lost."""
    refused, bare = problem(429, "overloaded", Retry_After="0"), problem(429, "overloaded")
    script: list[Answer] = [named("dog"), named("cat"), refused, bare, (0, {}, b"")]
    kept = tmp_path / "slo.json"
    who = ("--debug-weight", "8", "--stream-weight", "0", "--pause-s", "0.02")
    shape = ("--shape", "step", "--stairs", "2", "-u", "4", "-t", "2s")
    promised = ("--slo-p99-ms", "0.001", "--slo-error-rate", "99", "--slo-json", str(kept))
    with stub(lambda number: script[number % len(script)], DEBUG_IS_ON) as url:
        done = locust(url, *who, *shape, *promised)
    assert done.returncode == 1, done.stderr
    found = json.loads(kept.read_text(encoding="utf-8"))
    classified = found["kinds"]["classify"]
    each = classified["right"]
    assert each > 4
    assert classified["failed"].keys() == {"wrong", "overloaded", "lost"}
    others = [classified["refused"], *classified["failed"].values()]
    assert all(abs(count - each) <= 4 for count in others)  # the last of four users are cut short
    assert found["kinds"]["debug"]["right"] > 2
    assert found["kinds"]["debug"]["failed"] == {}
    assert [(one["what"], one["verdict"]) for one in found["slo"]] == [("classify: p99", "missed"), ("errors", "met")]
    assert "SLO MISSED: classify: p99" in done.stdout
    assert "Shape test updating to 2 users" in done.stderr
    assert "Shape test updating to 4 users" in done.stderr


def test_nobody_is_told_in_a_line() -> None:
    done = locust("http://127.0.0.1:1", "-u", "4", "-t", "2s")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "error: http://127.0.0.1:1: no service answers there; `earshot serve` starts one"
    ]
    assert done.stdout == ""


def test_whoever_starts_it_stays_as_it_is() -> None:
    code = "import sys, benchmarks.users.run; print([m for m in ('locust', 'gevent') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
