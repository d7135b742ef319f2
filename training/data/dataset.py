"""Which clips there are and what they are: ESC-50's layout, or a folder with one folder per class."""

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

from contract.errors import EarshotError
from training.data.audio_files import is_audio

_ESC_COLUMNS = frozenset(("filename", "fold", "target", "category"))
_ESC_NAME = re.compile(r"\d+-(?P<source>\d+)-[A-Z]+-\d+")
_NAMES_IN_MESSAGE = 5


class DatasetError(EarshotError):
    """The data cannot be used as it is; the message names the file and what to do."""


@dataclass(frozen=True)
class Clip:
    """One labelled recording."""

    path: Path
    label: int
    source: str
    """The recording it was cut from: clips of one source never stand on both sides of a split."""
    fold: int | None = None
    """Where the data set has official ones, or once folds were made."""


@dataclass(frozen=True)
class Dataset:
    """Labelled clips, their class names, and what was left out on the way."""

    name: str
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    warnings: tuple[str, ...] = ()

    def subset(self, labels: tuple[str, ...]) -> "Dataset":
        """Only these classes, numbered in this order; all of them must be here."""
        if unknown := [label for label in labels if label not in self.labels]:
            raise DatasetError(f"{self.name} has no class {_some(unknown)}; it has {_some(list(self.labels))}")
        return self._numbered_by(labels)

    def as_known_to(self, labels: tuple[str, ...]) -> "Dataset":
        """The classes numbered as a model knows them. It may know more; clips of classes it does not are left out."""
        known = self._numbered_by(labels)
        strange = [label for label in self.labels if label not in labels]
        if not known.clips:
            raise DatasetError(f"{self.name} has no class that the model knows; it has {_some(strange)}")
        left_out = (f"the model knows no class {_some(strange)}; left out",) if strange else ()
        return replace(known, warnings=(*self.warnings, *left_out))

    def _numbered_by(self, labels: tuple[str, ...]) -> "Dataset":
        number = {self.labels.index(label): i for i, label in enumerate(labels) if label in self.labels}
        clips = (replace(clip, label=number[clip.label]) for clip in self.clips if clip.label in number)
        return replace(self, labels=labels, clips=tuple(clips))


def load_dataset(root: Path) -> Dataset:
    """The data set under this folder, whichever of the two layouts it has."""
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder. Fetch ESC-50 with: earshot data download {root}")
    table = root / "meta" / "esc50.csv"
    dataset = _load_esc50(root, table) if table.is_file() else _load_class_folders(root)
    if not dataset.clips:
        raise DatasetError(
            f"{root} holds no audio: expected meta/esc50.csv and audio/, or one folder per class with files in it"
        )
    return dataset


def _load_esc50(root: Path, table: Path) -> Dataset:
    rows = _read_table(table)
    labels = _labels_by_target(table, rows)
    present = {path.stem: path for path in _audio_files(root / "audio")}
    clips, missing = [], []
    for _, row in rows:
        stem = Path(row["filename"]).stem
        if path := present.get(stem):
            name = _ESC_NAME.fullmatch(stem)
            source = name["source"] if name else stem
            clips.append(Clip(path, labels.index(row["category"]), source, int(row["fold"])))
        else:
            missing.append(row["filename"])
    if not clips:
        raise DatasetError(f"{root / 'audio'} holds none of the {len(rows)} files that {table} names")
    warnings = [f"{table} names {len(missing)} files that are not in audio/: {_some(missing)}"] if missing else []
    return Dataset(root.resolve().name, labels, tuple(clips), (*warnings, *_empty_classes(labels, clips)))


def _read_table(table: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows, each with the line it stands on."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = _ESC_COLUMNS - set(reader.fieldnames or ())
            if missing:
                raise DatasetError(f"{table} lacks the column {_some(sorted(missing))}")
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} is not a CSV table in UTF-8: {error}") from error
    for line, row in rows:
        if not (row["filename"] and row["category"] and _is_number(row["fold"]) and _is_number(row["target"])):
            raise DatasetError(
                f"{table}, line {line}: filename and category must not be empty, "
                f"fold and target must be numbers; found {row}"
            )
    if not rows:
        raise DatasetError(f"{table} has no rows")
    return rows


def _labels_by_target(table: Path, rows: list[tuple[int, dict[str, str]]]) -> tuple[str, ...]:
    """Class names in the order of their numbers, which need not be without gaps."""
    by_target: dict[int, str] = {}
    by_category: dict[str, int] = {}
    for line, row in rows:
        target, category = int(row["target"]), row["category"]
        if by_target.setdefault(target, category) != category:
            raise DatasetError(
                f"{table}, line {line}: target {target} is called {category!r} here, {by_target[target]!r} above"
            )
        if by_category.setdefault(category, target) != target:
            raise DatasetError(
                f"{table}, line {line}: {category!r} has target {target} here, {by_category[category]} above"
            )
    return tuple(by_target[target] for target in sorted(by_target))


def _load_class_folders(root: Path) -> Dataset:
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    files = {folder: _audio_files(folder) for folder in folders}
    filled = [folder for folder in folders if files[folder]]
    clips = (
        Clip(path, label, _source_of(path, root)) for label, folder in enumerate(filled) for path in files[folder]
    )
    warnings = []
    if empty := [folder.name for folder in folders if not files[folder]]:
        warnings.append(f"{root}: no audio in the class folder {_some(empty)}; left out")
    if loose := [path.name for path in sorted(root.iterdir()) if is_audio(path)]:
        warnings.append(f"{root}: {_some(loose)} lies in no class folder; left out")
    return Dataset(root.resolve().name, tuple(folder.name for folder in filled), tuple(clips), tuple(warnings))


def _audio_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if is_audio(path)]


def _source_of(path: Path, root: Path) -> str:
    """ESC-like names tell the recording; elsewhere each file counts as its own."""
    name = _ESC_NAME.fullmatch(path.stem)
    return name["source"] if name else str(path.relative_to(root))


def _empty_classes(labels: tuple[str, ...], clips: list[Clip]) -> list[str]:
    seen = {clip.label for clip in clips}
    empty = [label for i, label in enumerate(labels) if i not in seen]
    return [f"no clip of the class {_some(empty)} is present"] if empty else []


def _is_number(text: str | None) -> bool:
    return bool(text) and str(text).strip().isdecimal()


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_IN_MESSAGE])
    more = len(names) - _NAMES_IN_MESSAGE
    return f"{shown} and {more} more" if more > 0 else shown
