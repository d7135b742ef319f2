"""Waveform augmentations that keep time and pitch: shift, gain, polarity, noise, time mask.

Speed and pitch are in `tempo`, reverberation is in `reverb`. What mixes two rows is in `mixing`.
"""

import math
from abc import ABC, abstractmethod

import torch
from pydantic import Field
from torch import Tensor

from training.augment.rows import (
    SILENCE,
    DecibelRange,
    ExponentRange,
    RowTransform,
    level,
    spans,
    uniform,
    whole_up_to,
)
from training.augment.sizes import fast_length

NEPER = math.log(10) / 20
"""One decibel of amplitude as an exponent of e."""
LOWEST_AUDIBLE_HZ = 20
"""Steep noise has most of its power below what is heard; counted in, the ratio asked for would say little."""


class WaveTransform(RowTransform, ABC):
    """A change to waveforms `[B, T]` that keeps their shape."""

    def __call__(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:
        """Apply to each row with probability `p`. The generator lives on the device of the waves."""
        return self.on_chosen_rows(waves, rng, lambda rows: self.apply(rows, sample_rate, rng))

    @abstractmethod
    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:
        """Change every row."""


class Shift(WaveTransform):
    """Turn the clip in time; what leaves at one end enters at the other, so nothing of the event is lost."""

    fraction: float = Field(default=0.5, ge=0, le=1)
    """Farthest shift either way, as a fraction of the clip; 0.5 reaches every position."""

    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        """Two block copies a row: 0.05 ms a clip of 160,000 samples, where gather took 1.0 and roll 0.1."""
        length = waves.shape[1]
        farthest = int(self.fraction * length)
        steps = whole_up_to(torch.full((len(waves),), 2 * farthest, device=waves.device), rng) - farthest
        shifted = torch.empty_like(waves)
        for new, old, step in zip(shifted, waves, (steps % length).tolist(), strict=True):
            new[step:] = old[: length - step]
            new[:step] = old[length - step :]
        return shifted


class Gain(WaveTransform):
    """Louder or quieter; nothing is clipped, for floats need not end at 1."""

    gain_db: DecibelRange = (-6.0, 6.0)
    """Range of the gain in dB."""

    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        """Multiply each row by its gain."""
        return waves * _amplitude(uniform(len(waves), self.gain_db, rng))


class Polarity(WaveTransform):
    """Turn the wave upside down: nothing to the ear or a spectrogram until something else is mixed in."""

    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        """Change the sign."""
        return -waves


class Noise(WaveTransform):
    """Add noise of a drawn colour at a drawn ratio to the row's own mean power; a silent row stays silent."""

    snr_db: DecibelRange = (10.0, 40.0)
    """Range of the signal-to-noise ratio in dB."""
    exponent: ExponentRange = (0.0, 2.0)
    """Range of the spectral exponent e in power ~ 1/f^e: 0 is white, 1 pink, 2 brown."""

    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:
        """Scale each row's noise by what it came out as, so that the ratio is exact and not only expected."""
        snr_db = uniform(len(waves), self.snr_db, rng)
        noise = _coloured(waves, sample_rate, uniform(len(waves), self.exponent, rng), rng)
        return torch.addcmul(waves, noise, level(waves) * _amplitude(-snr_db) / level(noise).clamp_min(SILENCE))


class TimeMask(WaveTransform):
    """Silence spans of the clip."""

    count: int = Field(default=2, ge=1, le=16)
    """How many spans; they may overlap."""
    fraction: float = Field(default=0.1, ge=0, le=1)
    """Longest span, as a fraction of the clip."""

    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        """Zero each row's own spans, slice by slice: 0.04 ms a clip, where a mask of all samples took 0.7."""
        start, stop = spans(len(waves), self.count, waves.shape[1], self.fraction, rng)
        masked = waves.clone()
        for row, starts, stops in zip(masked, start.tolist(), stop.tolist(), strict=True):
            for begin, end in zip(starts, stops, strict=True):
                row[begin:end] = 0
        return masked


def _amplitude(decibel: Tensor) -> Tensor:
    return torch.exp(decibel * NEPER)


def _coloured(like: Tensor, sample_rate: int, exponent: Tensor, rng: torch.Generator) -> Tensor:
    """Noise in the shape of `like`, of any level, drawn as a spectrum: one transform instead of two."""
    length = fast_length(like.shape[1])
    bins = length // 2 + 1
    first = math.ceil(LOWEST_AUDIBLE_HZ * length / sample_rate)
    octave = torch.arange(bins, device=like.device).clamp_min(1).log2()
    shape = torch.exp2(-exponent / 2 * (octave - octave[-1]))
    shape[:, :first] = 0
    parts = torch.randn(len(like), bins, 2, generator=rng, device=like.device)
    noise: Tensor = torch.fft.irfft(torch.view_as_complex(parts) * shape, n=length)
    return noise[:, : like.shape[1]]
