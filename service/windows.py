"""Cuts a waveform into the windows that a model hears, each a view of it."""

from typing import NamedTuple

import numpy as np

from contract.audio import PCM16_SCALE
from service.engines.base import Samples, Wave

SHORTEST_TAIL_S = 0.25
"""A rest shorter than any sound that could be named, such as the padding of an MP3, gets no window of its own."""


class Window(NamedTuple):
    """A stretch of the waveform, in samples."""

    start: int
    end: int


def window_count(samples: int, window: int, hop: int, sample_rate: int) -> int:
    """How many there would be; known before any of them is made."""
    if samples <= window:
        return 1
    whole = 1 + (samples - window) // hop
    rest = samples - ((whole - 1) * hop + window)
    return whole + (rest >= SHORTEST_TAIL_S * sample_rate)


def windows_of(samples: int, window: int, hop: int, sample_rate: int) -> list[Window]:
    """A window every hop and, where they leave a rest, one more that ends with the sound.

    So all of it is heard unless the hop is longer than a window. What is shorter than a window is one window, which
    the engine's buffer pads with silence, as in training.
    """
    if samples <= window:
        return [Window(0, samples)]
    count = window_count(samples, window, hop, sample_rate)
    starts = (min(i * hop, samples - window) for i in range(count))
    return [Window(start, start + window) for start in starts]


def cut(waveform: Wave, windows: list[Window]) -> list[Wave]:
    """Views; copies where they are so few that the sound between them need not wait with them."""
    wanted = sum(end - start for start, end in windows)
    sparse = 2 * wanted < waveform.size
    return [waveform[start:end].copy() if sparse else waveform[start:end] for start, end in windows]


def lay(window: Wave, row: Samples) -> None:
    """Copy a window to a row of an engine's buffer, with silence after its end."""
    size = len(window)
    if window.dtype == np.int16:
        np.copyto(row[:size], window)  # in two steps, since one that does both takes twice as long
        row[:size] *= PCM16_SCALE
    else:
        row[:size] = window
    row[size:] = 0
