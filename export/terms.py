"""Under what terms weights may be used, by what they were learned from.

ESC-50's table says which clips belong to its CC BY subset, its LICENSE file whom each clip is owed to.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from contract.manifest import License
from training.data.dataset import Dataset

_OWED = re.compile(r"^- [`\[](?P<clip>[^\]`]+)\.ogg[`\]][^:]*: (?P<whom>.*)$", re.MULTILINE)
_TERMS = re.compile(r"\[([^\]]+)\]\s*$")
_ESC50 = License(
    name="CC BY-NC 3.0",
    commercial_use=False,
    attribution="K. J. Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015",
)
_ESC10 = _ESC50.model_copy(update={"name": "CC BY 3.0", "commercial_use": True})
_UNKNOWN = License(name="not stated", commercial_use=None)


@dataclass(frozen=True)
class Terms:
    """The licence of the weights, and whom the sounds behind them are owed to."""

    license: License
    attribution: tuple[str, ...] = ()
    """One line for each clip."""

    @property
    def sources(self) -> str:
        """How many recordings stand under which terms, in words."""
        found = (_TERMS.search(line) for line in self.attribution)
        counts = Counter(match[1] for match in found if match)
        return ", ".join(f"{count} × {name}" for name, count in counts.most_common())


def terms_of(data: Path, dataset: Dataset) -> Terms:
    """The terms for weights that were learned from these clips."""
    table = data / "meta" / "esc50.csv"
    if not table.is_file():
        return Terms(_UNKNOWN)
    with table.open(newline="", encoding="utf-8-sig") as file:
        free = {Path(row["filename"]).stem for row in csv.DictReader(file) if row.get("esc10") == "True"}
    stems = [clip.path.stem for clip in dataset.clips]
    return Terms(_ESC10 if free.issuperset(stems) else _ESC50, _attribution(data, stems))


def _attribution(data: Path, stems: list[str]) -> tuple[str, ...]:
    """The lines of the data set's own files that name these clips."""
    owed: dict[str, str] = {}
    for name in ("LICENSE", "ATTRIBUTION.md"):
        if (data / name).is_file():
            owed |= dict(_OWED.findall((data / name).read_text(encoding="utf-8", errors="replace")))
    known = ((stem, owed.get(stem) or owed.get(stem.rpartition("-")[0])) for stem in stems)
    return tuple(f"{stem}: {whom}" for stem, whom in known if whom)
