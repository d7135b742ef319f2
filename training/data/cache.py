"""Decode once, read often: every clip as 16-bit samples at the model's rate, memory-mapped.

A recording is cut into windows of the model's length. The last one is padded with zeros, and left out where less
than half of it is sound (unless it is the only one). The cache is keyed by what it was made from: names, sizes and
times of the files, rate and window. A clip that cannot be decoded is reported and left out; the rest goes on.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.audio import AudioError, decode, fit
from contract.files import cache_folder, replacing
from training.data.dataset import Dataset, DatasetError
from training.data.progress import Progress, silent

FULL_SCALE = 32768.0
"""Samples are kept as 16-bit integers; divide by this to get −1 … 1."""
_FORMAT = 1


@dataclass(frozen=True)
class Unreadable:
    """A clip that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class WindowCache:
    """Windows of all clips, ready to be learned from."""

    samples: NDArray[np.int16]
    """[windows, window_samples], memory-mapped."""
    clip: NDArray[np.int64]
    """The clip that each window was cut from, by its number in the data set."""
    unreadable: tuple[Unreadable, ...]

    def windows_of(self, clips: tuple[int, ...]) -> NDArray[np.int64]:
        """Numbers of the windows cut from these clips."""
        return np.flatnonzero(np.isin(self.clip, np.asarray(clips, dtype=np.int64)))


def open_cache(
    dataset: Dataset,
    sample_rate: int,
    window_samples: int,
    folder: Path | None = None,
    progress: Progress = silent,
) -> WindowCache:
    """The cache of this data set, made first if it is not there."""
    folder = folder or cache_folder()
    stem = f"{dataset.name}-{_key(dataset, sample_rate, window_samples)}"
    sound, index = folder / f"{stem}.i16", folder / f"{stem}.json"
    if not _is_whole(sound, index, window_samples):
        _build(dataset, sample_rate, window_samples, sound, index, progress)
    facts = json.loads(index.read_text(encoding="utf-8"))
    samples = np.memmap(sound, np.int16, "r").reshape(-1, window_samples)
    unreadable = tuple(Unreadable(**entry) for entry in facts["unreadable"])
    return WindowCache(samples, np.asarray(facts["clip"], dtype=np.int64), unreadable)


def _is_whole(sound: Path, index: Path, window_samples: int) -> bool:
    """The index is written last; samples that went missing since are noticed by their size."""
    if not (sound.is_file() and index.is_file()):
        return False
    windows = len(json.loads(index.read_text(encoding="utf-8"))["clip"])
    return sound.stat().st_size == windows * window_samples * np.dtype(np.int16).itemsize


def _build(
    dataset: Dataset, sample_rate: int, window_samples: int, sound: Path, index: Path, progress: Progress
) -> None:
    """Write samples, then the index that makes them valid; another process doing the same does no harm."""
    with replacing(sound) as partial_sound:
        facts = _write_samples(dataset, sample_rate, window_samples, partial_sound, progress)
    with replacing(index) as partial_index:
        partial_index.write_text(json.dumps(facts), encoding="utf-8")


def _write_samples(
    dataset: Dataset, sample_rate: int, window_samples: int, target: Path, progress: Progress
) -> dict[str, object]:
    clip_of: list[int] = []
    unreadable: list[Unreadable] = []
    with target.open("wb") as file:
        for number, windows in enumerate(_decode_all(dataset, sample_rate, window_samples)):
            if isinstance(windows, Unreadable):
                unreadable.append(windows)
            else:
                file.write(windows.tobytes())
                clip_of.extend([number] * len(windows))
            progress(number + 1, len(dataset.clips))
    if not clip_of:
        first = f"; {unreadable[0].path}: {unreadable[0].reason}" if unreadable else ": there is none"
        raise DatasetError(f"{dataset.name}: no clip could be decoded{first}")
    return {"clip": clip_of, "unreadable": [asdict(entry) for entry in unreadable]}


def _decode_all(
    dataset: Dataset, sample_rate: int, window_samples: int
) -> Iterator["NDArray[np.int16] | Unreadable"]:
    paths = [clip.path for clip in dataset.clips]
    work = partial(_decode_windows, sample_rate=sample_rate, window_samples=window_samples)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoders leave the interpreter free: processes gain nothing
        yield from pool.map(work, paths)


def _decode_windows(path: Path, sample_rate: int, window_samples: int) -> "NDArray[np.int16] | Unreadable":
    try:
        waveform = decode(path, sample_rate)
    except (AudioError, FileNotFoundError, PermissionError) as error:  # other troubles are the machine's, and pass
        return Unreadable(str(path), str(error))
    count = max(1, (2 * len(waveform) + window_samples) // (2 * window_samples))  # a half counts: round() would not
    padded = fit(waveform, count * window_samples).reshape(count, window_samples)
    samples: NDArray[np.int16] = np.clip(np.rint(padded * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return samples


def _key(dataset: Dataset, sample_rate: int, window_samples: int) -> str:
    """With ffmpeg installed later, clips that needed it are no longer left out."""
    ffmpeg_is_here = shutil.which("ffmpeg") is not None
    digest = hashlib.sha256(json.dumps([_FORMAT, sample_rate, window_samples, ffmpeg_is_here]).encode())
    for clip in dataset.clips:
        facts = clip.path.stat()
        digest.update(os.fsencode(f"{clip.path.resolve()}\0{facts.st_size}\0{facts.st_ctime_ns}\n"))
    return digest.hexdigest()[:16]
