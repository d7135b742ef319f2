"""Speed and pitch: waveform augmentations that resample.

Both know only ratios of small whole numbers. A resampler's filter bank grows with both of them: 9/8 is eight
short filters, while a freely drawn 1.1223 would be thousands.
"""

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from training.augment.rows import at_level_of
from training.augment.waveform import WaveTransform
from training.torchaudio_shim import torchaudio

LARGEST_TERM = 32
"""Numerator and denominator of a ratio end here, and so does the filter bank."""
FILTER_WIDTH = 16
"""Zero crossings of the resampling filter. At a factor of 6/5 a tone past the new limit is 40 dB down; with
torchaudio's default of 6 it is 13 dB down for 0.1 to 0.3 ms a clip less, with 32 no better."""
FFT_SIZE = 1024
"""Frame of the phase vocoder: 32 ms at 32 kHz, short enough to leave a bark a bark."""
HOP = FFT_SIZE // 4
"""The least overlap by a power of two at which squared Hann windows sum to a constant."""
ROWS_AT_ONCE = 4
"""Rows the vocoder takes together on a CPU, so that spectra fit the cache; 16 cost twice as much a row."""


def _simple(ratio: Fraction) -> Fraction:
    if not Fraction(1, 2) <= ratio <= 2:
        raise ValueError(f"the ratio {ratio} is not between 1/2 and 2")
    if max(ratio.numerator, ratio.denominator) > LARGEST_TERM:
        raise ValueError(f"the ratio {ratio} has a term above {LARGEST_TERM}")
    return ratio


Ratio = Annotated[Fraction, AfterValidator(_simple)]


class RatioTransform(WaveTransform, ABC):
    """A change by one of a few ratios, drawn per row; rows of one ratio are changed together."""

    ratios: tuple[Ratio, ...]
    """What frequencies are multiplied by, one of these at random."""

    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        """Draw a ratio for every row and change the rows group by group."""
        drawn = torch.randint(len(self.ratios), (len(waves),), generator=rng, device=waves.device)
        changed = torch.empty_like(waves)
        for index, ratio in enumerate(self.ratios):
            rows = (drawn == index).nonzero()[:, 0]
            if len(rows) > 0:
                changed[rows] = self.by_ratio(waves[rows], ratio)
        return changed

    @abstractmethod
    def by_ratio(self, waves: Tensor, ratio: Fraction) -> Tensor:
        """Change every row by the same ratio."""


class Speed(RatioTransform):
    """Play faster (and higher) or slower (and lower).

    The length is kept. A slower clip loses its end: clips of ESC-50 tend to begin with their event (of 40
    real ones the last fifth held 6 % of the energy, the first 58 %). A faster one is repeated from its
    beginning: silence there would tell that the clip was sped up, and the seam is no more than what `Shift`
    makes anyway.
    """

    ratios: tuple[Ratio, ...] = Field(
        default=(Fraction(4, 5), Fraction(9, 10), Fraction(11, 10), Fraction(6, 5)),
        min_length=1,
        max_length=16,
    )
    """Factors of speed, one of these at random; written "11/10" in a recipe."""

    def by_ratio(self, waves: Tensor, ratio: Fraction) -> Tensor:
        """Resample, and play at the old rate."""
        return _cyclic_to_length(_resampled(waves, ratio), waves.shape[1])


class Pitch(RatioTransform):
    """Sound higher or lower at the same speed.

    A phase vocoder stretches the clip, resampling brings it back to its length. The costliest augmentation by
    far.
    """

    ratios: tuple[Ratio, ...] = Field(
        default=(Fraction(8, 9), Fraction(17, 18), Fraction(18, 17), Fraction(9, 8)),
        min_length=1,
        max_length=16,
    )
    """Intervals, one of these at random; 18/17 is a semitone and 9/8 a whole tone, to 5 cents."""

    def by_ratio(self, waves: Tensor, ratio: Fraction) -> Tensor:
        """Level is restored at the end: partials that fall out of phase in the vocoder lose some."""
        length = waves.shape[1]
        together = ROWS_AT_ONCE if waves.device.type == "cpu" else len(waves)
        stretched = torch.cat([stretch(rows, ratio) for rows in torch.split(waves, together)])
        return at_level_of(_resampled(stretched, ratio)[:, :length], waves)


def stretch(waves: Tensor, ratio: Fraction) -> Tensor:
    """Make rows longer by the ratio without touching their pitch."""
    window = torch.hann_window(FFT_SIZE, device=waves.device)
    ample = torch.nn.functional.pad(waves, (0, FFT_SIZE))  # frames beyond the end, which the inverse needs
    frames = torch.stft(ample, FFT_SIZE, HOP, window=window, pad_mode="constant", return_complex=True)
    longer = stretched_frames(frames, ratio)
    return torch.istft(longer, FFT_SIZE, HOP, window=window, length=math.ceil(waves.shape[1] * ratio))


def stretched_frames(frames: Tensor, ratio: Fraction) -> Tensor:
    """The phase vocoder, `[B, F, N]` to `[B, F, ceil(N * ratio)]`.

    It does what torchaudio's does, with two differences. Phases are turned on as complex factors instead of
    summed as angles: in 40 % less time and to 1e-6, where a sum of 100,000 radians in float32 is off by
    0.7 %. And the place of a frame in the source is whole-number arithmetic, where a rounded rate may land
    one frame short.
    """
    places = torch.arange(math.ceil(frames.shape[2] * ratio), device=frames.device) * ratio.denominator
    frame = places // ratio.numerator
    in_time = torch.nn.functional.pad(frames.transpose(1, 2), (0, 0, 0, 2))  # as stft lays them out: no copy
    size = in_time.abs()
    past = (places % ratio.numerator).to(size.dtype) / ratio.numerator
    direction = torch.where(size > 0, in_time / size, 1)
    turn = direction[:, 1:] * direction[:, :-1].conj()
    phase = torch.cat([direction[:, :1], turn[:, frame[:-1]]], dim=1).cumprod(dim=1)
    return (torch.lerp(size[:, frame], size[:, frame + 1], past[:, None]) * phase).transpose(1, 2)


def _resampled(waves: Tensor, ratio: Fraction) -> Tensor:
    resampled: Tensor = torchaudio.functional.resample(
        waves, ratio.numerator, ratio.denominator, lowpass_filter_width=FILTER_WIDTH
    )
    return resampled


def _cyclic_to_length(waves: Tensor, length: int) -> Tensor:
    times = math.ceil(length / waves.shape[1])
    return torch.cat([waves] * times, dim=1)[:, :length]
