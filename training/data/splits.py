"""Who may learn from which clip: official folds, or folds made here, never one recording on both sides."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from training.data.dataset import Clip, Dataset, DatasetError

FOLDS = 5
_SEED = 0  # made-up folds are always the same: figures of two runs can be compared


@dataclass(frozen=True)
class Split:
    """Indices of clips to learn from and clips held out."""

    train: tuple[int, ...]
    held_out: tuple[int, ...]
    dropped: tuple[int, ...] = ()
    """Clips of the training side whose recording is also held out: used for neither."""


def folds_of(dataset: Dataset) -> tuple[int, ...]:
    """The fold of each clip: the official one where there is one, else stratified and grouped by recording."""
    official = [clip.fold for clip in dataset.clips]
    if all(fold is not None for fold in official):
        return tuple(int(fold or 0) for fold in official)
    return _stratified_groups(dataset.clips, len(dataset.labels), FOLDS)


def split_by_fold(dataset: Dataset, held_out: frozenset[int]) -> Split:
    """Hold these folds out; learn from the others. With no fold held out, learn from everything."""
    folds = folds_of(dataset)
    unknown = held_out - set(folds)
    if unknown:
        raise DatasetError(f"{dataset.name} has no fold {min(unknown)}; it has {sorted(set(folds))}")
    test = tuple(i for i, fold in enumerate(folds) if fold in held_out)
    heard = {dataset.clips[i].source for i in test}
    rest = [i for i, fold in enumerate(folds) if fold not in held_out]
    train = tuple(i for i in rest if dataset.clips[i].source not in heard)
    return Split(train, test, tuple(i for i in rest if dataset.clips[i].source in heard))


def straddling_sources(dataset: Dataset) -> dict[str, tuple[int, ...]]:
    """Recordings whose clips stand in more than one fold."""
    folds = defaultdict(set)
    for clip, fold in zip(dataset.clips, folds_of(dataset), strict=True):
        folds[clip.source].add(fold)
    return {source: tuple(sorted(found)) for source, found in sorted(folds.items()) if len(found) > 1}


def notes_on_sources(dataset: Dataset) -> list[str]:
    """One sentence on the recordings in two folds, where there are any."""
    straddling = straddling_sources(dataset)
    names = ", ".join(f"{source} ({' and '.join(map(str, folds))})" for source, folds in straddling.items())
    return [f"{len(straddling)} recordings have clips in two folds: {names}."] if straddling else []


def _stratified_groups(clips: tuple[Clip, ...], classes: int, folds: int) -> tuple[int, ...]:
    """Each recording goes where its classes are rarest so far, the largest recordings first."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, clip in enumerate(clips):
        groups[clip.source].append(i)
    order = np.random.default_rng(_SEED).permutation(sorted(groups))
    held = np.zeros((folds, classes))
    fold_of = [0] * len(clips)
    for source in sorted(order.tolist(), key=lambda name: -len(groups[name])):
        members = groups[source]
        counts = np.bincount([clips[i].label for i in members], minlength=classes)
        crowding = [(held[fold] @ counts, held[fold].sum()) for fold in range(folds)]
        fold = min(range(folds), key=crowding.__getitem__)
        held[fold] += counts
        for i in members:
            fold_of[i] = fold + 1
    return tuple(fold_of)
