"""Results are read again, and what sets two runs apart is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison.results_files import Results, differences, results_in
from contract.errors import EarshotError


def content(**other: object) -> dict[str, Any]:
    series = [{"name": "lone/p50", "unit": "ms", "better": "lower", "rounds": [1.0, 2.0, None]}]
    origin = {
        "machine": "A CPU",
        "command": "earshot bench x",
        "python": "3.11",
        "packages": {"numpy": "2.4", "a": "1"},
    }
    return origin | {"commit": "0123", "date": "2026-11-27", "series": series} | other


def write(file: Path, what: object) -> Path:
    file.write_text(json.dumps(what), encoding="utf-8")
    return file


def test_the_files_of_a_folder_are_told_apart_by_their_names(tmp_path: Path) -> None:
    write(tmp_path / "load.json", content())
    write(tmp_path / "latency.json", content())
    write(tmp_path / "compare.json", content())  # compares, and measured nothing
    write(tmp_path / "fold.json", {"accuracy": 0.9})
    write(tmp_path / "list.json", [1, 2])
    found = results_in(tmp_path)
    assert found is not None
    assert found.series.keys() == {"load/lone/p50", "latency/lone/p50"}
    assert found.name == f"{tmp_path.name} (commit 0123, 2026-11-27)"


def test_a_file_stands_for_itself_whatever_it_is_called(tmp_path: Path) -> None:
    found = results_in(write(tmp_path / "old.json", content()))
    assert found is not None
    assert found.series["lone/p50"].rounds == (1.0, 2.0)


def test_where_there_are_no_series_there_are_no_results(tmp_path: Path) -> None:
    assert results_in(tmp_path) is None
    assert results_in(write(tmp_path / "fold.json", {"accuracy": 0.9})) is None


def test_what_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(EarshotError, match=r"broken\.json: is no JSON"):
        results_in(tmp_path / "broken.json")


def test_machines_commands_and_versions_that_differ_are_said_once() -> None:
    ours = {"load": content(), "latency": content()}
    theirs = content(machine="Another CPU", command="earshot bench y", packages={"numpy": "2.5", "a": "1", "b": "2"})
    lines = differences(Results("a", ours), Results("b", dict.fromkeys(ours, theirs)))
    assert lines == [
        "Another machine: A CPU / Another CPU",
        "Another command: earshot bench x / earshot bench y",
        "Another b: none / 2",
        "Another numpy: 2.4 / 2.5",
    ]
    assert differences(Results("a", ours), Results("b", ours)) == []
