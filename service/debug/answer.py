"""Puts what was seen into the words of the HTTP contract: as JSON that a page can draw, or in full as NPZ."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from service.debug.layers import Layer
from service.debug.seen import Axes, Heat, Seen
from service.debug.summary import Values, envelope, rounded, smaller, statistics, strongest
from service.engines.base import Samples
from service.problems import ProblemError

MOST_VALUES = 500_000
"""Of all maps together in JSON: some megabytes."""
MOST_BYTES = 64 * 2**20
"""Of an NPZ."""
ENVELOPE_POINTS = 500
SPECTROGRAM_SIDE = 512
"""Rows and columns at most."""


@dataclass(frozen=True)
class Wanted:
    """How much is to be shown."""

    layers: Sequence[Layer]
    max_channels: int
    max_side: int


def layers_answer(wanted: Wanted, seen: Seen) -> list[dict[str, Any]]:
    """Of each layer its facts, its statistics, and the maps of its liveliest channels."""
    return [_layer(layer, seen.maps[layer.name], wanted) for layer in wanted.layers]


def waveform_answer(wave: Samples, sample_rate: int) -> dict[str, Any]:
    """Its outline."""
    low, high = envelope(wave, ENVELOPE_POINTS)
    return {"seconds": round(len(wave) / sample_rate, 3), "min": rounded(low, 3), "max": rounded(high, 3)}


def spectrogram_answer(seen: Seen, axes: Axes) -> dict[str, Any]:
    """With its axes; larger ones are averaged."""
    values = smaller(seen.spectrogram, SPECTROGRAM_SIDE, SPECTROGRAM_SIDE)
    return {
        "unit": "dB",
        "shape": list(values.shape),
        "hertz": rounded(_along(axes.hertz, values.shape[0])),
        "seconds": rounded(_along(axes.seconds, values.shape[1])),
        "values": rounded(values, 3),
    }


def heat_answer(index: int, label: str, heat: Heat, seconds: float) -> dict[str, Any]:
    """Where in time × frequency the score of a class comes from, and when most of it."""
    over_time = heat.mean(axis=0)
    moment = (int(over_time.argmax()) + 0.5) / len(over_time) * seconds if over_time.any() else None
    return {
        "label": label,
        "index": index,
        "shape": list(heat.shape),
        "values": rounded(heat, 3),
        "moment_s": None if moment is None else round(moment, 3),
    }


def as_npz(wanted: Wanted, seen: Seen, axes: Axes, wave: Samples) -> bytes:
    """Everything in full, for numpy.load; layers by their names."""
    arrays = {layer.name: seen.maps[layer.name] for layer in wanted.layers}
    heats = {f"heat.{index}": heat for index, heat in seen.heats.items()}
    file = io.BytesIO()
    facts = {"waveform": wave, "spectrogram_db": seen.spectrogram, "logits": seen.logits}
    np.savez(file, allow_pickle=False, hertz=axes.hertz, seconds=axes.seconds, **facts, **heats, **arrays)
    return file.getvalue()


def _layer(layer: Layer, maps: Samples, wanted: Wanted) -> dict[str, Any]:
    shown = strongest(maps, wanted.max_channels) if maps.ndim > 1 else list(range(len(maps)))[: wanted.max_channels]
    side = wanted.max_side
    few = smaller(maps[shown], side, side) if maps.ndim > 1 else maps[shown]
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": list(layer.shape),
        "statistics": {name: _plain(value) for name, value in statistics(maps)._asdict().items()},
        "channels": shown,
        "map_shape": list(few.shape[1:]),
        "maps": rounded(few, 3),
    }


def _plain(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.4g}")


def _along(values: Values, size: int) -> Values:
    found: Values = np.interp(np.linspace(0, len(values) - 1, size), np.arange(len(values)), values)
    return found


def require_few_values(wanted: Wanted) -> None:
    """Of JSON."""
    count = sum(_shown_values(layer, wanted) for layer in wanted.layers)
    if count > MOST_VALUES:
        raise ProblemError(
            "too_large",
            f"That would be {count:,} numbers, at most {MOST_VALUES:,} are sent: name fewer layers, or lower "
            "max_channels or max_side; format=npz gives all of a few layers.",
        )


def require_few_bytes(wanted: Wanted) -> None:
    """Of an NPZ."""
    size = sum(4 * prod(layer.shape) for layer in wanted.layers)
    if size > MOST_BYTES:
        raise ProblemError(
            "too_large", f"These layers are {size:,} bytes, at most {MOST_BYTES:,} are sent: name fewer layers."
        )


def _shown_values(layer: Layer, wanted: Wanted) -> int:
    channels, *sides = layer.shape
    return min(channels, wanted.max_channels) * prod(min(side, wanted.max_side) for side in sides)
