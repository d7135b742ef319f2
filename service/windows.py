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


def windows_of(samples: int, window: int, hop: int, sample_rate: int) -> list[Window]:
    """All of the sound is heard: a window every hop and, where they leave a rest, one more that ends with the sound.

    What is shorter than a window is one window, which the engine's buffer pads with silence, as in training.
    """
    if samples <= window:
        return [Window(0, samples)]
    starts = list(range(0, samples - window + 1, hop))
    if samples - (starts[-1] + window) >= SHORTEST_TAIL_S * sample_rate:
        starts.append(samples - window)
    return [Window(start, start + window) for start in starts]


def cut(waveform: Wave, windows: list[Window]) -> list[Wave]:
    """Views, not copies."""
    return [waveform[start:end] for start, end in windows]


def lay(window: Wave, row: Samples) -> None:
    """Copy a window to a row of an engine's buffer, with silence after its end."""
    size = len(window)
    if window.dtype == np.int16:
        np.multiply(window, PCM16_SCALE, out=row[:size])
    else:
        row[:size] = window
    row[size:] = 0
