"""What is wrong with the clips of a data set: length, silence, clipping, twins, files that cannot be read."""

import csv
import hashlib
import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.audio import AudioError, decode, probe
from training.data.dataset import Dataset
from training.data.progress import Progress, silent

SILENT_BELOW_DB = -60.0
"""Frames below this level, relative to full scale, count as silent."""
MOSTLY_SILENT = 0.9
CLIPPED_SHARE = 0.001
"""A clip counts as clipped from this share of its samples on: fewer are not heard."""
_FULL_SCALE = 0.999
_CLIPPED_RUN = 3  # that many neighbours at full scale are clipping; one alone is a peak
_FRAME_S = 0.02
_QUIETEST = 1e-10  # −100 dB: digital silence has no level of its own


@dataclass(frozen=True)
class ClipFacts:
    """What was measured of one clip."""

    file: str
    category: str
    seconds: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    peak_db: float = 0.0
    level_db: float = 0.0
    silent_share: float = 0.0
    clipped_share: float = 0.0
    fingerprint: str = ""
    problem: str = ""
    """Why it cannot be read; empty where it can."""


@dataclass(frozen=True)
class QualityReport:
    """The facts of all clips, and what stands out."""

    clips: tuple[ClipFacts, ...]

    @property
    def readable(self) -> list[ClipFacts]:
        """Clips that could be measured."""
        return [clip for clip in self.clips if not clip.problem]

    @property
    def unreadable(self) -> list[ClipFacts]:
        """Clips that cannot be decoded."""
        return [clip for clip in self.clips if clip.problem]

    @property
    def mostly_silent(self) -> list[ClipFacts]:
        """Clips with hardly any sound in them."""
        return [clip for clip in self.readable if clip.silent_share > MOSTLY_SILENT]

    @property
    def clipped(self) -> list[ClipFacts]:
        """Clips recorded too loud."""
        return [clip for clip in self.readable if clip.clipped_share > CLIPPED_SHARE]

    @property
    def twins(self) -> list[tuple[ClipFacts, ...]]:
        """Clips that hold the same samples."""
        by_sound: dict[str, list[ClipFacts]] = defaultdict(list)
        for clip in self.readable:
            by_sound[clip.fingerprint].append(clip)
        return [tuple(clips) for clips in by_sound.values() if len(clips) > 1]

    def spread(self, name: str) -> tuple[float, float, float]:
        """Smallest, median and largest of a measurement; not numbers where no clip can be read."""
        values = np.asarray([getattr(clip, name) for clip in self.readable] or [np.nan])
        return float(values.min()), float(np.median(values)), float(values.max())

    def count(self, name: str) -> list[tuple[object, int]]:
        """How many clips have which value, the most frequent first."""
        return Counter(getattr(clip, name) for clip in self.readable).most_common()

    def write_csv(self, path: Path) -> None:
        """One row per clip."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(ClipFacts)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(clip) for clip in self.clips)


def inspect(dataset: Dataset, progress: Progress = silent) -> QualityReport:
    """Measure every clip, in parallel."""
    paths = [clip.path for clip in dataset.clips]
    categories = [dataset.labels[clip.label] for clip in dataset.clips]
    facts = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for clip in pool.map(inspect_clip, paths, categories):
            facts.append(clip)
            progress(len(facts), len(paths))
    return QualityReport(tuple(facts))


def inspect_clip(path: Path, category: str) -> ClipFacts:
    """Measure one clip at its own rate: resampling would move its peaks."""
    try:
        info = probe(path)
        waveform = decode(path, info.sample_rate)
    except (AudioError, OSError) as error:
        return ClipFacts(str(path), category, problem=str(error))
    return ClipFacts(
        str(path),
        category,
        seconds=len(waveform) / info.sample_rate,
        sample_rate=info.sample_rate,
        channels=info.channels,
        peak_db=_decibels(np.square(waveform).max()),
        level_db=_decibels(np.square(waveform).mean()),
        silent_share=_silent_share(waveform, round(info.sample_rate * _FRAME_S)),
        clipped_share=_clipped_share(waveform),
        fingerprint=_fingerprint(waveform),
    )


def _decibels(power: np.floating) -> float:
    return float(10 * np.log10(max(float(power), _QUIETEST)))


def _silent_share(waveform: NDArray[np.float32], frame: int) -> float:
    whole = max(1, len(waveform) // frame)
    power = np.square(waveform[: whole * frame]).reshape(whole, -1).mean(1)
    return float((power < 10 ** (SILENT_BELOW_DB / 10)).mean())


def _clipped_share(waveform: NDArray[np.float32]) -> float:
    """Share of samples that stand in a run at full scale."""
    full = (np.abs(waveform) >= _FULL_SCALE).astype(np.int8)
    runs = np.convolve(full, np.ones(_CLIPPED_RUN, np.int8), "valid") == _CLIPPED_RUN
    return float(np.convolve(runs, np.ones(_CLIPPED_RUN), "full").astype(bool).mean()) if runs.any() else 0.0


def _fingerprint(waveform: NDArray[np.float32]) -> str:
    """Equal for equal sound, whatever silence stands before and after it."""
    samples = np.trim_zeros(np.rint(waveform.clip(-1, 1) * 32767).astype(np.int16))
    return hashlib.sha256(samples.tobytes()).hexdigest()[:16]
