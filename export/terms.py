"""Under what terms weights may be used, by what they were learned from.

ESC-50's table says which clips belong to its CC BY subset, its LICENSE file whom each clip is owed to.
"""

import csv
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contract.errors import EarshotError
from contract.manifest import License
from training.data.dataset import Dataset

_OWED = re.compile(r"^- [`\[](?P<clip>[^\]`]+)\.ogg[`\]][^:]*: (?P<whom>.*)$", re.MULTILINE)
_TERMS = re.compile(r"\[([^\]]+)\]\s*$")
_ESC50 = License(
    name="CC BY-NC 3.0",
    commercial_use=False,
    attribution="K. J. Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015",
)
_ESC10 = License(
    name="CC BY 3.0",
    commercial_use=True,
    attribution=f"ESC-10, the subset of ESC-50 under CC BY 3.0; {_ESC50.attribution}",
)
_UNKNOWN = License(name="not stated", commercial_use=None)


@dataclass(frozen=True)
class Terms:
    """The licence of the weights, and whom the sounds behind them are owed to."""

    license: License
    attribution: Mapping[str, str] = field(default_factory=dict)
    """By clip: whom it is owed to."""

    @property
    def sources(self) -> str:
        """How many recordings stand under which terms, in words."""
        found = (_TERMS.search(line) for line in self.attribution.values())
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
    owed = _owed(data)
    attribution = {stem: owed[_recording(stem)] for stem in stems if _recording(stem) in owed}
    if not free.issuperset(stems):
        return Terms(_ESC50, attribution)
    if strange := [stem for stem in stems if stem not in attribution]:
        raise EarshotError(
            f"{data}: these clips may be used by whoever names their authors, but no LICENSE file there says whom "
            f"{strange[0]} is by; fetch the data set anew with: earshot data download"
        )
    return Terms(_ESC10, attribution)


def _owed(data: Path) -> dict[str, str]:
    """By recording: whom it is owed to, as the data set's own files say."""
    owed: dict[str, str] = {}
    for name in ("LICENSE", "ATTRIBUTION.md"):
        if (data / name).is_file():
            lines = _OWED.findall((data / name).read_text(encoding="utf-8", errors="replace"))
            owed |= {_recording(clip): whom for clip, whom in lines}
    return owed


def _recording(stem: str) -> str:
    """Fold and source: takes of one recording are owed to the same person, and LICENSE misspells one of them."""
    return "-".join(stem.split("-")[:2])
