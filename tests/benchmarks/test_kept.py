"""Results are found again, with all that is needed to believe them."""

import json
from pathlib import Path

import pytest

from benchmarks.kept import folder_for, keep, slug
from benchmarks.page import Section
from benchmarks.provenance import Provenance
from benchmarks.series import gathered, series_in

ORIGIN = Provenance(
    "earshot bench x", "0123456789ab+", "2026-11-27T10:00:00+00:00", "A CPU, 2 cores", "3.11", {"a": "1"}
)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("AMD EPYC 9B14, 2 cores", "amd-epyc-9b14-2-cores"),
        ("Intel(R) Xeon(R)", "intel-r-xeon-r"),
        ("0f0342a+", "0f0342a+"),
    ],
)
def test_a_folder_is_called_after_the_machine_and_the_commit(words: str, name: str) -> None:
    assert slug(words) == name


def test_what_was_asked_for_is_where_results_go(tmp_path: Path) -> None:
    assert folder_for(ORIGIN, tmp_path / "deep" / "er").is_dir()


def test_a_measurement_is_kept_in_three_forms_and_read_back(tmp_path: Path) -> None:
    series = gathered("lone/p50", "ms", "lower", [3.0, 1.0, 2.0, float("nan")])
    keep(tmp_path, "load", "Under load", ORIGIN, [Section("One", ["words"])], [series], {"deep": [float("inf")]})
    content = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    assert content["details"] == {"deep": [None]}
    assert content["commit"] == "0123456789ab+"
    assert series_in(content)["lone/p50"].rounds == (3.0, 1.0, 2.0)
    assert "## One" in (tmp_path / "load.md").read_text(encoding="utf-8")
    assert "0123456789ab+" in (tmp_path / "load.html").read_text(encoding="utf-8")


def test_the_interval_of_a_median_holds_it_and_is_the_same_each_time() -> None:
    series = gathered("x", "ms", "lower", [1.0, 1.1, 1.2, 1.3, 5.0])
    low, high = series.interval
    assert 1.0 <= low <= series.median == 1.2 <= high <= 5.0
    assert series.interval == (low, high)


def test_a_folder_says_what_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "slo.json").write_text("{}", encoding="utf-8")
    for name, title in (("load", "Under load"), ("latency", "Engine by engine")):
        keep(tmp_path, name, title, ORIGIN, [], [], {})
    overview = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert overview.index("[Engine by engine](latency.md)") < overview.index("[Under load](load.md)")
    assert "slo" not in overview
