"""A contact sheet: the spectrogram, what speaks for the answer, and the maps of every layer in rows, as PNG."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.debug.answer import Wanted
from service.debug.layers import Layer
from service.debug.seen import Heat, Seen
from service.debug.summary import smaller, statistics, strongest
from service.engines.base import Samples
from service.problems import ProblemError

Pixels = NDArray[np.uint8]
"""[rows, columns, 3]."""

WIDTH = 1200
TILE, GAP = 64, 4
"""Pixels: how high a map is drawn, and what lies between two."""
LINE = 18
"""Pixels of a line of words."""
TALLEST = 20_000
"""Pixels of a sheet."""

_PAPER, _INK = (16, 16, 20), (235, 235, 235)
_STOPS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Dark to bright, told apart by people who see few colours too: viridis in five steps."""


def as_png(wanted: Wanted, seen: Seen, label: str, index: int) -> bytes:
    """`label`: of the class whose heat is drawn over the spectrogram."""
    strips = [_titled(f"spectrogram, and where the score of {label} comes from", [_heard(seen, seen.heats[index])])]
    for layer in wanted.layers:
        maps = seen.maps[layer.name]
        stats = statistics(maps)
        words = (
            f"{layer.name}   {layer.kind}   {' x '.join(map(str, maps.shape))}   mean {stats.mean:.3g}   "
            f"std {stats.std:.3g}   zeros {stats.sparsity:.0%}   dead {stats.dead_channels}"
        )
        strips.append(_titled(words, _tiles(maps, wanted.max_channels)))
    file = io.BytesIO()
    _image(np.concatenate(strips)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def require_low_sheet(wanted: Wanted) -> None:
    """Told by the shapes alone, before anything is drawn."""
    height = sum(_strip_height(layer, wanted.max_channels) for layer in wanted.layers)
    if height > TALLEST:
        raise ProblemError(
            "too_large", f"The sheet would be {height:,} pixels tall: name fewer layers, or lower max_channels."
        )


def coloured(values: Samples) -> Pixels:
    """From the least, dark, to the greatest, bright."""
    low, high = float(values.min()), float(values.max())
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    places = np.linspace(0, 1, len(_STOPS))
    channels = [np.interp(share, places, [stop[i] for stop in _STOPS]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _heard(seen: Seen, heat: Heat) -> Pixels:
    """Low sounds at the bottom; where nothing speaks for the class it is darker."""
    rows, columns = 3 * TILE, WIDTH - 2 * GAP
    light = 0.35 + 0.65 * _stretched(heat, rows, columns)
    return (coloured(_stretched(seen.spectrogram, rows, columns)) * light[..., None]).astype(np.uint8)[::-1]


def _tiles(maps: Samples, most: int) -> list[Pixels]:
    """Each by itself from dark to bright; features are one map of a single row."""
    if maps.ndim == 1:
        return [coloured(_stretched(maps[None], TILE // 4, WIDTH - 2 * GAP))]
    width = _tile_width(maps.shape)
    return [coloured(_stretched(maps[channel], TILE, width))[::-1] for channel in strongest(maps, most)]


def _stretched(values: Samples, rows: int, columns: int) -> Samples:
    """By the nearest value: a map has no more detail than it has."""
    few = smaller(values, rows, columns)
    down = np.arange(rows) * few.shape[0] // rows
    across = np.arange(columns) * few.shape[1] // columns
    stretched: Samples = few[down[:, None], across]
    return stretched


def _titled(words: str, tiles: Sequence[Pixels]) -> Pixels:
    """A line of words, and tiles below it, as many beside each other as there is room for."""
    tall, wide = tiles[0].shape[:2]
    beside = _beside(wide)
    strip = np.empty((_height(len(tiles), tall, wide), WIDTH, 3), np.uint8)
    strip[:] = _PAPER
    strip[:LINE] = _words(words)
    for place, tile in enumerate(tiles):
        top, left = LINE + place // beside * (tall + GAP), GAP + place % beside * (wide + GAP)
        strip[top : top + tall, left : left + wide] = tile
    return strip


def _strip_height(layer: Layer, most: int) -> int:
    if len(layer.shape) == 1:
        return _height(1, TILE // 4, WIDTH - 2 * GAP)
    return _height(min(layer.shape[0], most), TILE, _tile_width(layer.shape))


def _height(tiles: int, tall: int, wide: int) -> int:
    return LINE + -(-tiles // _beside(wide)) * (tall + GAP) + GAP


def _beside(wide: int) -> int:
    return max(1, (WIDTH - GAP) // (wide + GAP))


def _tile_width(shape: tuple[int, ...]) -> int:
    """As wide as the map is beside its height, within bounds."""
    _, rows, columns = shape
    return int(np.clip(TILE * columns / rows, TILE, 4 * TILE))


def _words(words: str) -> Pixels:
    from PIL import Image, ImageDraw, ImageFont

    line = Image.new("RGB", (WIDTH, LINE), _PAPER)
    ImageDraw.Draw(line).text((GAP, 2), words, _INK, ImageFont.load_default(12))
    return np.asarray(line)


def _image(pixels: Pixels) -> Any:  # noqa: ANN401  (of a library that is there only with the extra)
    from PIL import Image

    return Image.fromarray(pixels)
