"""Feature maps in few numbers: what is said of a layer, which channels are shown, and how a map is made smaller."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.engines.base import Samples

Values = NDArray[Any]


class Statistics(NamedTuple):
    """Of all that a layer gave."""

    mean: float
    std: float
    min: float
    max: float
    sparsity: float
    """Share of exact zeros."""
    dead_channels: int
    """Channels of which nothing is but zero."""


def statistics(maps: Samples) -> Statistics:
    """Of [channels, rows, columns], or [features]."""
    flat = maps.reshape(len(maps), -1)
    dead = int((flat == 0).all(axis=1).sum())
    return Statistics(
        float(flat.mean()), float(flat.std()), float(flat.min()), float(flat.max()), float((flat == 0).mean()), dead
    )


def strongest(maps: Samples, most: int) -> list[int]:
    """Channels by how much they vary over the map, the liveliest first."""
    spread = maps.reshape(len(maps), -1).std(axis=1)
    order: list[int] = np.argsort(-spread, kind="stable")[:most].tolist()
    return order


def smaller(values: Samples, most_rows: int, most_columns: int) -> Samples:
    """[…, rows, columns] by the means of blocks that are as equal as can be; what is small enough stays as it is."""
    return _averaged(_averaged(values, most_rows, -2), most_columns, -1)


def envelope(wave: Samples, points: int) -> tuple[Samples, Samples]:
    """Least and greatest sample of each of so many stretches."""
    starts = _starts(len(wave), points)
    return np.minimum.reduceat(wave, starts), np.maximum.reduceat(wave, starts)


def rounded(values: Values, digits: int = 4) -> list[Any]:
    """To so many significant digits, which is what a picture needs, as JSON has it."""
    found = np.asarray(values, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.where(found == 0, 0.0, digits - 1 - np.floor(np.log10(np.abs(found))))
    scale = 10.0 ** np.clip(places, -30, 30)
    shown: list[Any] = (np.round(found * scale) / scale).tolist()
    return shown


def _averaged(values: Samples, most: int, axis: int) -> Samples:
    size = values.shape[axis]
    if size <= most:
        return values
    starts = _starts(size, most)
    counts = np.diff(np.append(starts, size)).astype(np.float32)
    sums: Samples = np.add.reduceat(values, starts, axis=axis)
    return sums / (counts if axis == -1 else counts[:, None])


def _starts(size: int, pieces: int) -> NDArray[np.intp]:
    pieces = max(1, min(pieces, size))
    return np.arange(pieces) * size // pieces
