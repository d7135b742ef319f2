"""Signals that expose what a precision costs; white noise, whose spectrum is flat, would hide it.

Every one is seeded and within ±1, so that a figure measured on them can be measured again.
"""

import numpy as np
from numpy.typing import NDArray

_SEED = 20
_CLICK_EVERY = 4001  # samples: a prime number, so that clicks fall on every place of a frame
_DB_BELOW_TONE = 90


def signals(samples: int, sample_rate: int) -> dict[str, NDArray[np.float32]]:
    """Each hostile signal by its name, `samples` (2 or more) long."""
    random = np.random.default_rng(_SEED)
    seconds = np.arange(samples) / sample_rate
    tone = np.sin(2 * np.pi * 440 * seconds)
    quiet = 10 ** (-_DB_BELOW_TONE / 20) * random.standard_normal(samples)
    clicks = np.zeros(samples)
    clicks[::_CLICK_EVERY] = 1.0
    made = {
        "steep noise": _steep_noise(samples, random),
        "tone over quiet noise": 0.9 * tone + quiet,
        "full-scale square": np.where(tone >= 0, 1.0, -1.0),
        "clicks": clicks,
        "constant": np.full(samples, 0.5),
        "constant under quiet noise": 0.9 + quiet,
        "barely audible noise": 2.0**-15 * random.choice([-1.0, 0.0, 1.0], samples),
        "silence": np.zeros(samples),
    }
    return {name: signal.astype(np.float32) for name, signal in made.items()}


def _steep_noise(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls with the square of frequency: its top lies some 100 dB below its bottom."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum[1:] /= np.arange(1, len(spectrum))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(0.9 * noise / np.abs(noise).max())
