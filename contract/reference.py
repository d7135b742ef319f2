"""What the training data looked like, as `reference.npz` keeps it: to tell new sounds from known ones, and a drift.

Plain arrays, nothing pickled. `EmbeddingStatistics` says how far a sound lies from all that was learned; `Histogram`
counts how often a fact of a sound or an answer took which value, so that live traffic can be held against it.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from contract.errors import EarshotError
from contract.files import replacing

_SCHEMA = 1
_HISTOGRAM = "histogram"
_DAMAGE = (OSError, ValueError, TypeError, EOFError, MemoryError, RuntimeError, BadZipFile, zlib.error)


class ReferenceFileError(EarshotError):
    """A file of reference statistics cannot be used; the message names it and what to do."""


@dataclass(frozen=True, eq=False)
class EmbeddingStatistics:
    """Where the classes lie among the directions of embeddings, in a space where a training clip is about 1 away."""

    whitening: NDArray[np.float32]
    """[D, D]: directions times this are spread alike on every axis."""
    means: NDArray[np.float32]
    """[classes heard, D]: the middle of each class in that space."""

    def distance(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """[B, D] → [B]: from the nearest class; 1 is typical of clips that were learned from."""
        places = directions(embedding) @ self.whitening
        squares = np.square(places).sum(1)[:, None] + np.square(self.means).sum(1) - 2 * places @ self.means.T
        nearest: NDArray[np.float32] = np.sqrt(np.maximum(squares.min(1), 0))
        return nearest


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often values fell between which edges; the first and the last bin are open."""

    edges: NDArray[np.float64]
    """Ascending; a value on an edge belongs to the bin above it."""
    counts: NDArray[np.int64]
    """One more than edges."""

    @classmethod
    def of(cls, values: NDArray[np.floating], bins: int = 20) -> Self:
        """Bins that hold about as many values each, fewer where values repeat: such bins show a drift best."""
        if not values.size or not np.isfinite(values).all():
            raise EarshotError("a histogram needs finite values, and at least one: look for silence or NaN in them")
        edges = np.unique(np.quantile(np.asarray(values, np.float64), np.arange(1, bins) / bins))
        return cls(edges, _counted(edges, values))

    def count(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """Other values, in the same bins."""
        return _counted(self.edges, values)


@dataclass(frozen=True, eq=False)
class Reference:
    """The whole of `reference.npz`."""

    statistics: EmbeddingStatistics
    predicted: NDArray[np.int64]
    """[classes]: how often each was the answer to a held-out window."""
    histograms: Mapping[str, Histogram]
    """By name: those of `contract.features`, the calibrated `confidence`, the distance as `novelty`."""

    def distance(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far each embedding lies from the training data; see `EmbeddingStatistics`."""
        return self.statistics.distance(embedding)

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        arrays: dict[str, Any] = {
            "schema": np.int64(_SCHEMA),
            "whitening": self.statistics.whitening,
            "means": self.statistics.means,
            "predicted": self.predicted,
        }
        for name, histogram in self.histograms.items():
            arrays[f"{_HISTOGRAM}/{name}/edges"] = histogram.edges
            arrays[f"{_HISTOGRAM}/{name}/counts"] = histogram.counts
        with replacing(path) as aside, aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def directions(embedding: NDArray[np.floating]) -> NDArray[np.float32]:
    """Embeddings at length 1: how strong a sound is says nothing of how strange it is."""
    rows = np.asarray(embedding, np.float32)
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit


def load_reference(path: Path) -> Reference:
    """Read what `Reference.save` wrote."""
    if not path.is_file():
        raise ReferenceFileError(f"{path}: no such file of reference statistics")
    try:
        reference = _parsed(_arrays(path))
    except KeyError as error:
        raise ReferenceFileError(f"{path} holds no reference statistics: {error} is missing in it") from error
    except _DAMAGE as error:
        raise ReferenceFileError(
            f"{path} is damaged or holds no reference statistics ({error}); copy or export it anew"
        ) from error
    return reference


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not is_zipfile(path):  # NumPy would offer to unpickle it
        raise ValueError("it is no .npz, or was cut short")
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def _parsed(arrays: dict[str, NDArray[Any]]) -> Reference:
    if (schema := int(arrays["schema"])) != _SCHEMA:
        raise ValueError(f"it has schema {schema}, this version of Earshot reads {_SCHEMA}")
    names = {name.split("/")[1] for name in arrays if name.startswith(f"{_HISTOGRAM}/")}
    whitening = _real(arrays, "whitening", 2)
    means = _real(arrays, "means", 2)
    if not means.size or whitening.shape != (means.shape[1],) * 2:
        raise ValueError(f"whitening of shape {whitening.shape} does not fit means of shape {means.shape}")
    return Reference(
        EmbeddingStatistics(whitening.astype(np.float32), means.astype(np.float32)),
        _counts(arrays, "predicted"),
        {name: _histogram(arrays, f"{_HISTOGRAM}/{name}") for name in sorted(names)},
    )


def _histogram(arrays: dict[str, NDArray[Any]], name: str) -> Histogram:
    edges, counts = _real(arrays, f"{name}/edges", 1), _counts(arrays, f"{name}/counts")
    if len(counts) != len(edges) + 1 or (np.diff(edges) <= 0).any():
        raise ValueError(f"the bins of {name} do not fit their counts")
    return Histogram(edges.astype(np.float64), counts)


def _real(arrays: dict[str, NDArray[Any]], name: str, axes: int) -> NDArray[Any]:
    array = arrays[name]
    if array.ndim != axes or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(f"{name} is not made of finite numbers")
    return array


def _counts(arrays: dict[str, NDArray[Any]], name: str) -> NDArray[np.int64]:
    array = arrays[name]
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array < 0).any():
        raise ValueError(f"{name} is not made of counts")
    return array.astype(np.int64)


def _counted(edges: NDArray[np.float64], values: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
