"""What one run learns from and is judged on: windows of clips, by the side of the split that they stand on."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.cache import FULL_SCALE, WindowCache, open_cache
from training.data.dataset import Dataset, DatasetError, load_dataset
from training.data.progress import Progress, silent
from training.data.splits import folds_of, notes_on_sources, split_by_fold
from training.recipe import Recipe


@dataclass(frozen=True)
class WindowSet:
    """Some windows of a cache, with their labels."""

    samples: NDArray[np.int16]
    """[windows of the whole cache, window_samples], memory-mapped."""
    windows: NDArray[np.int64]
    """Which of them belong to this set."""
    labels: NDArray[np.int64]
    clips: NDArray[np.int64]
    """The clip that each was cut from, by its number in the data set."""

    def __len__(self) -> int:
        return len(self.windows)

    def some(self, count: int) -> "WindowSet":
        """So many of them (or all, where there are fewer), evenly spread."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64)
        return WindowSet(self.samples, self.windows[chosen], self.labels[chosen], self.clips[chosen])

    def waves(self, batch: int) -> Iterator[NDArray[np.float32]]:
        """[batch, window_samples] between −1 and 1, one batch after the other; the last may be smaller."""
        for start in range(0, len(self), batch):
            samples = self.samples[self.windows[start : start + batch]]
            yield samples.astype(np.float32) / np.float32(FULL_SCALE)


@dataclass(frozen=True)
class Material:
    """A data set, split for one run."""

    dataset: Dataset
    folds: tuple[int, ...]
    """Of each clip."""
    held_out_folds: tuple[int, ...]
    validation_folds: tuple[int, ...]
    train: WindowSet
    held_out: WindowSet
    validation: WindowSet
    notes: tuple[str, ...]
    """What a person should know of the data before trusting the figures."""

    def fingerprint(self) -> str:
        """Changes when the run would learn from something else."""
        digest = hashlib.sha256(repr(self.dataset.labels).encode())
        for side in (self.train, self.validation, self.held_out):
            for number in side.clips:
                clip = self.dataset.clips[number]
                digest.update(os.fsencode(f"{'/'.join(clip.path.parts[-2:])}\0{clip.label}\n"))
            digest.update(b"\0")
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Sounds:
    """A data set with its decoded windows: what the runs of a cross-validation share."""

    dataset: Dataset
    cache: WindowCache

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was missing, and what could not be read."""
        unreadable = (f"{entry.path}: {entry.reason} Left out." for entry in self.cache.unreadable)
        return (*self.dataset.warnings, *unreadable)

    def split(self, held_out: frozenset[int], validation: frozenset[int] = frozenset()) -> Material:
        """The material of one run: these folds held out, these looked at on the way."""
        if held_out & validation:
            raise DatasetError("the validation fold must not be the fold held out: choose another")
        split = split_by_fold(self.dataset, held_out)
        inner = split_by_fold(self.dataset, held_out | validation)
        looked_at = tuple(set(split.train) - set(inner.train) - set(inner.dropped))
        notes = notes_on_sources(self.dataset)
        if dropped := len({*split.dropped, *inner.dropped}):
            notes.append(f"{dropped} clips share a recording with a fold held out: not learned from.")
        held_out_windows = self._windows(split.held_out)
        if held_out and not len(held_out_windows):
            raise DatasetError(f"{self.dataset.name}: no clip of fold {min(held_out)} could be decoded")
        return Material(
            self.dataset,
            folds_of(self.dataset),
            tuple(sorted(held_out)),
            tuple(sorted(validation)),
            train=self._windows(inner.train),
            held_out=held_out_windows,
            validation=self._windows(looked_at),
            notes=tuple(notes),
        )

    def _windows(self, clips: tuple[int, ...]) -> WindowSet:
        windows = self.cache.windows_of(clips)
        of_clip = self.cache.clip[windows]
        label = np.asarray([clip.label for clip in self.dataset.clips], dtype=np.int64)
        return WindowSet(self.cache.samples, windows, label[of_clip], of_clip)


def load_sounds(
    data: Path,
    recipe: Recipe,
    known: tuple[str, ...] = (),
    cache_folder: Path | None = None,
    progress: Progress = silent,
) -> Sounds:
    """The data set in this folder, decoded as the recipe wants to hear it; its classes as `known` to a model."""
    dataset = load_dataset(data)
    if known:
        dataset = dataset.as_known_to(known)
    elif recipe.labels:
        dataset = dataset.subset(recipe.labels)
    if len(dataset.labels) < 2:
        raise DatasetError(f"{data} has one class only ({dataset.labels[0]}): there is nothing to tell apart")
    audio = recipe.audio
    cache = open_cache(dataset, audio.sample_rate, audio.window_samples, cache_folder, progress)
    readable = np.unique(cache.clip)
    heard = replace(dataset, clips=tuple(dataset.clips[i] for i in readable))
    return Sounds(_with_folds(heard), replace(cache, clip=np.searchsorted(readable, cache.clip)))


def _with_folds(dataset: Dataset) -> Dataset:
    """Folds made once, and of clips that can be decoded: with the others they would be uneven."""
    folds = zip(dataset.clips, folds_of(dataset), strict=True)
    return replace(dataset, clips=tuple(replace(clip, fold=fold) for clip, fold in folds))
