"""Results that were kept: read again, and what sets one run apart from another before any figure does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.series import Series, series_in
from contract.errors import EarshotError

_COMPARISON = "compare"
"""A comparison lies beside what it compares, and is no measurement."""


@dataclass(frozen=True)
class Results:
    """The files of one folder by name, or one file that bears none."""

    name: str
    files: Mapping[str, dict[str, Any]]

    @property
    def series(self) -> dict[str, Series]:
        """Of all files."""
        return {
            f"{file}/{name}" if file else name: one
            for file, content in self.files.items()
            for name, one in series_in(content).items()
        }


def results_in(path: Path) -> Results | None:
    """None where there are no series."""
    if path.is_dir():
        found = {file.stem: _content(file) for file in sorted(path.glob("*.json")) if file.stem != _COMPARISON}
    else:
        found = {"": _content(path)}
    files = {name: content for name, content in found.items() if content.get("series")}
    return Results(_named(path, files), files) if files else None


def differences(a: Results, b: Results) -> list[str]:
    """Machine, command and versions: where they differ, figures compare more than code."""
    both = [(content, b.files[name]) for name, content in a.files.items() if name in b.files]
    return list(dict.fromkeys(line for pair in both for line in _lines(*pair)))


def _lines(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    for what in ("machine", "command", "python"):
        if a.get(what) != b.get(what):
            yield f"Another {what}: {a.get(what)} / {b.get(what)}"
    ours, theirs = a.get("packages", {}), b.get("packages", {})
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"Another {name}: {ours.get(name, 'none')} / {theirs.get(name, 'none')}"


def _content(file: Path) -> dict[str, Any]:
    """Empty where it is a list or the like."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EarshotError(f"{file}: is no JSON ({error})") from error
    return content if isinstance(content, dict) else {}


def _named(path: Path, files: Mapping[str, dict[str, Any]]) -> str:
    """With what it says of its origin."""
    origins = {(content.get("commit"), content.get("date")) for content in files.values()}
    told = "; ".join(f"commit {commit}, {date}" for commit, date in sorted(origins, key=str))
    return f"{path.name if path.is_absolute() else path} ({told})"
