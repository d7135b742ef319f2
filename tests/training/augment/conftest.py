"""Real clips for the tests of augmentation."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.training.augment.sounds import RATE

AUDIO = Path(__file__).parents[2] / "data" / "esc10-mini" / "audio"


@pytest.fixture(scope="session")
def clips() -> Tensor:
    """Two seconds of eight recordings, around the loudest place of each."""
    files = sorted(AUDIO.glob("*.ogg"))[:8]
    read = [soundfile.read(file, dtype="float32", always_2d=True) for file in files]
    waves = [soxr.resample(samples.mean(axis=1), rate, RATE) for samples, rate in read]
    return torch.from_numpy(np.stack([_around_peak(wave) for wave in waves]))


def _around_peak(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.roll(wave, RATE - np.abs(wave).argmax())[: 2 * RATE]
