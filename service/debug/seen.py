"""What the debug path hands over: arrays, so that whoever makes something of them needs no PyTorch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engines.base import Samples

Heat = NDArray[np.float32]
"""[rows, columns] over frequency and time, from 0 to 1."""


@dataclass(frozen=True)
class Axes:
    """What the rows and columns of a spectrogram are."""

    hertz: NDArray[np.float64]
    """Centre of each band."""
    seconds: NDArray[np.float64]
    """Centre of each frame."""


@dataclass(frozen=True)
class Seen:
    """What became of one window."""

    logits: Samples
    spectrogram: Samples
    """[bands, frames], dB."""
    maps: dict[str, Samples]
    """Of each layer that was asked for: [channels, rows, columns], or [features]."""
    heats: dict[int, Heat]
    """Of each class that was asked for: where in the last stage its score comes from."""
