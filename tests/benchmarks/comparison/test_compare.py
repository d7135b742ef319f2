"""`earshot bench compare` as a user runs it: in a repository of its own, with real services; and what it refuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clips import CLIPS
from benchmarks.comparison.compare import compared
from benchmarks.comparison.duel import Plan
from benchmarks.processes import PROC
from contract.errors import EarshotError
from tests.benchmarks.comparison.test_results_files import content, write
from tests.benchmarks.comparison.test_trees import git
from tests.service.graphs import save_graph

ROOT = Path(__file__).parents[3]
ROOMS = ("benchmarks", "contract", "export", "service", "training")
ROUTE = Path("service", "routes", "classify.py")
ENTERED = "    service, trace = service_of(request), trace_of(request)\n"
CORES = ",".join(map(str, sorted(os.sched_getaffinity(0))))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Earshot; then a commit whose route sleeps, and one that does not even start."""
    folder = tmp_path_factory.mktemp("earshot") / "checkout"
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copy2(ROOT / "cli.py", folder)
    (folder / ".gitignore").write_text("__pycache__/\n*.onnx\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    route = (folder / ROUTE).read_text(encoding="utf-8")
    assert ENTERED in route
    for tag, text in (("base", route), ("slow", route.replace(ENTERED, f"    time.sleep(0.005)\n{ENTERED}"))):
        (folder / ROUTE).write_text(text, encoding="utf-8")
        commit(folder, tag)
    (folder / "service" / "server.py").write_text("import nowhere_to_be_found\n", encoding="utf-8")
    commit(folder, "broken")
    git(folder, "checkout", "--quiet", "base")
    save_graph(folder / "mean.onnx", samples=5 * 8000)
    return folder


def commit(folder: Path, tag: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", tag)
    git(folder, "tag", tag)


def command(repository: Path, a: str, b: str, *more: str) -> list[str]:
    subject = ["--model", "mean.onnx", "--sample-rate", "8000", "--clip-rate", "8000", "--clips", str(CLIPS)]
    cores = ["--server-cpus", CORES, "--client-cpus", CORES]
    plan = ["--rounds", "1", "--seconds", "0.6"]
    return [sys.executable, str(repository / "cli.py"), "bench", "compare", a, b, *subject, *cores, *plan, *more]


def environment(repository: Path, temporary: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(repository), "TMPDIR": str(temporary)}


def run(repository: Path, temporary: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    env = environment(repository, temporary)
    return subprocess.run(words, cwd=repository, env=env, capture_output=True, text=True, check=False)


def services_in(folder: Path) -> list[str]:
    """Processes whose command line leads into this folder."""
    found = []
    for process in PROC.glob("[0-9]*/cmdline"):
        try:
            line = process.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder) in line:
            found.append(line.replace("\0", " "))
    return found


def figures(folder: Path) -> dict[str, Any]:
    details = json.loads((folder / "compare.json").read_text(encoding="utf-8"))["details"]
    return {one["name"]: one for one in details["figures"]}


def test_a_commit_that_sleeps_is_measured_beside_the_files_as_they_are(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    more = ("--flags", "--max-queue 64 --no-such-flag 3", "--out", str(out))
    result = run(repository, tmp_path, command(repository, "slow", ".", *more))
    assert result.returncode == 0, result.stderr
    assert "Left out, since one of them does not know it: --no-such-flag 3" in result.stdout
    found = figures(out)
    assert found["lone/p50"]["ratio"] < 0.8  # B is what does not sleep
    assert found["full/throughput"]["ratio"] > 1.2
    assert 0.5 < found["full/memory"]["ratio"] < 2
    assert found["errors"]["ratio"] == 1
    assert {one["verdict"] for one in found.values()} == {"cannot tell"}  # of one round
    assert "In fewer than 9 rounds no figure can be told to differ." in result.stdout
    assert (out / "compare.png").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert not list(tmp_path.glob("earshot-compare-*"))


def test_an_interruption_leaves_nothing_behind(repository: Path, tmp_path: Path) -> None:
    words = command(repository, "base", "slow", "--rounds", "50", "--out", str(tmp_path / "out"))
    env = environment(repository, tmp_path)
    process = subprocess.Popen(words, cwd=repository, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(" --port " in service for service in services_in(tmp_path / "earshot-compare-")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert process.returncode != 0
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert not list(tmp_path.glob("earshot-compare-*"))
    assert services_in(tmp_path / "earshot-compare-") == []


def test_a_commit_that_does_not_start_is_named_with_its_last_words(repository: Path, tmp_path: Path) -> None:
    result = run(repository, tmp_path, command(repository, "broken", "base"))
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: broken (")
    assert "nowhere_to_be_found" in last


@pytest.mark.parametrize(
    ("a", "b", "more", "error"),
    [
        ("nonsense", ".", [], "nonsense: is no folder of results, and no commit either"),
        ("service", ".", [], "service: holds no results with series, and no commit either"),
        ("old.json", "base", [], "old.json and base: only one of them has results; name two of them, or two commits"),
        ("old.json", "other.json", [], "no series in common: A has lone/p50; B has x"),
        ("base", ".", ["--gate", "--rounds", "4"], "a gate of 4 rounds would pass anything: give --rounds 9"),
    ],
)
def test_wrong_use_gets_one_clear_line(
    repository: Path, tmp_path: Path, a: str, b: str, more: list[str], error: str
) -> None:
    write(repository / "old.json", content())
    write(
        repository / "other.json", content(series=[{"name": "x", "unit": "ms", "better": "lower", "rounds": [1.0]}])
    )
    result = run(repository, tmp_path, command(repository, a, b, *more))
    assert result.returncode == 1
    assert result.stderr.strip() == f"error: {error}"


@pytest.mark.parametrize(
    ("a", "b", "refused"),
    [
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], ""),
        ([1.0, 1.0, 1.0], [9.0, 9.0], "p99 was measured in 3 and 2 rounds"),
        ([1.0], [9.0], "p99 was measured in 1 and 1 rounds"),
        ([1.0, 1.0, 1.0], [None, None, None], "p99 was measured in 3 and 0 rounds"),
        ([None, None, None], [None, None, None], ""),  # on this machine it cannot be had
    ],
)
def test_a_gate_of_results_wants_enough_rounds_of_each_figure(
    tmp_path: Path, a: list[float | None], b: list[float | None], refused: str
) -> None:
    words = []
    for name, rounds in (("a.json", a), ("b.json", b)):
        series = [
            {"name": one, "unit": "ms", "better": "lower", "rounds": of}
            for one, of in (("p50", [1.0] * 3), ("p99", rounds))
        ]
        words.append(str(write(tmp_path / name, content(series=series))))
    outcome: AbstractContextManager[object] = nullcontext()
    if refused:
        outcome = pytest.raises(EarshotError, match=refused)
    with outcome:
        compared((words[0], words[1]), _nothing_planned, 0.03, gate=True)
    assert len(compared((words[0], words[1]), _nothing_planned, 0.03, gate=False).rows) == 2


def _nothing_planned() -> Plan:
    raise AssertionError("two results need no plan")


def test_two_files_of_results_are_compared_and_what_differs_is_said_first(repository: Path, tmp_path: Path) -> None:
    series = {"name": "lone/p50", "unit": "ms", "better": "lower"}
    old = write(tmp_path / "old.json", content(series=[series | {"rounds": [1.0, 1.01, 0.99, 1.0]}]))
    new = content(series=[series | {"rounds": [1.3, 1.31, 1.29, 1.3]}], machine="Another CPU")
    write(tmp_path / "new.json", new)
    result = run(
        repository,
        tmp_path,
        command(repository, str(old), str(tmp_path / "new.json"), "--gate", "--out", str(tmp_path)),
    )
    assert result.returncode == 1, result.stderr
    assert result.stdout.index("Another machine: A CPU / Another CPU") < result.stdout.index("1.300")
    assert "worse: lone/p50" in result.stdout
