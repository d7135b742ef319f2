"""Augmentation: changes to a training batch that leave its labels true.

Every transform is its own configuration, off by default, and works on whole batches in torch, on the CPU or a
GPU, from an explicit generator. `WaveAugment` and `SpecAugment` put them in a fixed order, `Mixing` mixes
rows; a training step applies wave augmentations, `Mix.on_waves`, the front end, `Mix.on_spectrograms`,
spectrogram masks. Nothing here belongs to evaluation or serving.
"""

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from training.augment.mixing import Mix, Mixing
from training.augment.reverb import Reverb
from training.augment.spectrogram import FrequencyMasking, SpecTransform, TimeMasking
from training.augment.tempo import Pitch, Speed
from training.augment.waveform import Gain, Noise, Polarity, Shift, TimeMask, WaveTransform

__all__ = [
    "FrequencyMasking",
    "Gain",
    "Mix",
    "Mixing",
    "Noise",
    "Pitch",
    "Polarity",
    "Reverb",
    "Shift",
    "SpecAugment",
    "Speed",
    "TimeMask",
    "TimeMasking",
    "WaveAugment",
]


class WaveAugment(BaseModel):
    """The waveform transforms, applied in the order of these fields, which is that of a recording.

    First the source (speed, pitch), then the room, then where in the clip it falls, then what the recording
    adds (noise, polarity, gain). The mask comes last, so that what it takes is gone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    speed: Speed = Speed()
    pitch: Pitch = Pitch()
    reverb: Reverb = Reverb()
    shift: Shift = Shift()
    noise: Noise = Noise()
    polarity: Polarity = Polarity()
    gain: Gain = Gain()
    time_mask: TimeMask = TimeMask()

    def transforms(self) -> dict[str, WaveTransform]:
        """The transforms by name, in the order in which they are applied."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def __call__(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:
        """Augment `[B, T]`; what is off costs nothing and draws nothing."""
        for transform in self.transforms().values():
            waves = transform(waves, sample_rate, rng)
        return waves


class SpecAugment(BaseModel):
    """The spectrogram transforms, applied in the order of these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    time: TimeMasking = TimeMasking()
    frequency: FrequencyMasking = FrequencyMasking()

    def transforms(self) -> dict[str, SpecTransform]:
        """The transforms by name, in the order in which they are applied."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def __call__(self, specs: Tensor, rng: torch.Generator) -> Tensor:
        """Augment `[B, M, T]`; what is off costs nothing and draws nothing."""
        for transform in self.transforms().values():
            specs = transform(specs, rng)
        return specs
