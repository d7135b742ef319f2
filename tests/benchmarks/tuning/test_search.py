"""A real tuning, in seconds: real services, real loads, and a profile that the next service takes."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cli
from benchmarks.processes import all_cpus
from benchmarks.served import Served
from benchmarks.subject import Subject
from benchmarks.tuning.choice import Point
from benchmarks.tuning.profile import place_of
from benchmarks.tuning.search import Plan, Stage, run_tune
from contract.errors import EarshotError
from service.profiles import Profile, Tuning
from tests.benchmarks.tuned import measured
from tests.service.graphs import save_graph
from tests.service.profiles import keep_profile

RATE = 8_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A model that takes no time."""
    path = save_graph(tmp_path_factory.mktemp("model") / "small.onnx")
    return Subject(model=path, sample_rate=RATE, clip_rate=RATE, server_cpus=all_cpus(), client_cpus=all_cpus())


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def earshot(*words: str) -> Result:
    """The command as a user gives it."""
    return CliRunner().invoke(cli.app, ["tune", *words])


def test_what_was_found_is_shown_served_and_forgotten(
    small: Subject, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.tuning.grid.BATCHES_ON_CPU", (3,))
    monkeypatch.setattr("benchmarks.tuning.search.cores", lambda: 1)
    said: list[str] = []
    run_tune(small, Plan("latency", None, 0.1, 1), tmp_path / "out", said.append)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "README.md", "tune-latency.json", "tune-latency.md", "tune-latency.html", "tune-latency.png",
    }  # fmt: skip
    assert len([line for line in said if line.startswith("round 1 of 1")]) == 2
    assert not [line for line in said if "errors" in line]
    (file,) = (cache / "profiles").iterdir()
    profile = Profile.model_validate_json(file.read_text(encoding="utf-8"))
    assert profile.figures["lone p50 ms"] > 0

    shown = earshot(*small.serve_flags, "--show").output
    assert f"max_batch {profile.tuning.max_batch} by the profile of" in shown
    assert profile.commit in shown
    assert "is gone" in earshot(*small.serve_flags, "--forget").output
    assert not file.exists()


def test_after_the_first_round_only_the_best_and_the_default_go_on(
    small: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits: list[int] = []

    def visit(_: Stage, tuning: Tuning) -> list[Point]:
        visits.append(tuning.max_batch)
        return measured(float(tuning.max_batch), 100, 200, 300).rounds[0]

    monkeypatch.setattr(Stage, "visit", visit)
    monkeypatch.setattr("benchmarks.tuning.grid.BATCHES_ON_CPU", (1, 2, 3, 5))
    monkeypatch.setattr("benchmarks.tuning.search.cores", lambda: 1)
    run_tune(small, Plan("latency", None, 0.1, 3), tmp_path / "out", lambda _: None)
    assert visits == [4, 1, 2, 3, 5, 3, 2, 1, 4, 4, 1, 2, 3]
    (file,) = (tmp_path / "cache" / "profiles").iterdir()
    assert Profile.model_validate_json(file.read_text(encoding="utf-8")).tuning.max_batch == 1


def test_the_bound_is_that_of_the_first_round_in_all_rounds(
    small: Subject, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lone = iter([4.0, 4.0, 100.0, 100.0])
    monkeypatch.setattr(Stage, "visit", lambda *_: measured(next(lone), 100, 200, 300).rounds[0])
    monkeypatch.setattr("benchmarks.tuning.grid.BATCHES_ON_CPU", (1,))
    monkeypatch.setattr("benchmarks.tuning.search.cores", lambda: 1)
    run_tune(small, Plan("throughput", None, 0.1, 2), tmp_path / "out", lambda _: None)
    (file,) = (cache / "profiles").iterdir()
    assert Profile.model_validate_json(file.read_text(encoding="utf-8")).goal.p99_ms == 20.0


def test_what_is_tuned_cannot_be_given(small: Subject, tmp_path: Path) -> None:
    with pytest.raises(EarshotError, match="--threads is what is tuned"):
        run_tune(replace(small, flags="--threads 2"), Plan("latency", None, 0.1, 1), tmp_path, pytest.fail)


def test_a_bound_for_latency_is_refused() -> None:
    result = earshot("--for", "latency", "--p99-ms", "20")
    assert isinstance(result.exception, EarshotError)
    assert str(result.exception) == "--p99-ms is a bound for --for throughput; --for latency has none"


def test_other_benchmarks_measure_the_defaults_whatever_the_profile(small: Subject) -> None:
    with Served(small.serve_flags) as served:
        served.wait_until_ready()
        usual = served.model_facts()
    keep_profile(place_of(usual))
    with Served(small.serve_flags) as served:
        served.wait_until_ready()
        assert served.model_facts() == usual
    with Served([*small.serve_flags, "--profile"]) as served:
        served.wait_until_ready()
        assert served.model_facts()["engine"]["max_batch"] == 7
