"""Spectrogram augmentations: the masks of SpecAugment (Park et al., 2019), on log-mel `[B, M, T]`.

Its time warping is left out: `Speed` does that on the waveform, and does it to the sound.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from training.augment.rows import RowTransform, covered, spans


class SpecTransform(RowTransform, ABC):
    """A change to spectrograms `[B, M, T]` that keeps their shape."""

    def __call__(self, specs: Tensor, rng: torch.Generator) -> Tensor:
        """Apply to each row with probability `p`. The generator lives on the device of the spectrograms."""
        return self.on_chosen_rows(specs, rng, lambda rows: self.apply(rows, rng))

    @abstractmethod
    def apply(self, specs: Tensor, rng: torch.Generator) -> Tensor:
        """Change every row."""


class Masking(SpecTransform, ABC):
    """Cover bands of a spectrogram; each row draws its own."""

    masks: int = Field(default=2, ge=1, le=16)
    """How many bands; they may overlap."""
    width: float = Field(default=0.1, ge=0, le=1)
    """Widest band, as a fraction of the axis."""
    fill: Literal["mean", "zero"] = "mean"
    """What covers: the row's own mean, or zero, the mean of all data where spectrograms are normalised."""

    def _bands(self, specs: Tensor, axis: int, rng: torch.Generator) -> Tensor:
        length = specs.shape[axis]
        start, stop = spans(len(specs), self.masks, length, self.width, rng)
        return covered(start, stop, length)

    def _fill(self, specs: Tensor, mask: Tensor) -> Tensor:
        if self.fill == "zero":
            return specs.masked_fill(mask, 0)
        return torch.where(mask, specs.mean(dim=(1, 2), keepdim=True), specs)


class TimeMasking(Masking):
    """Cover spans of frames."""

    def apply(self, specs: Tensor, rng: torch.Generator) -> Tensor:
        """Cover each row's own spans over all bands."""
        return self._fill(specs, self._bands(specs, 2, rng)[:, None, :])


class FrequencyMasking(Masking):
    """Cover ranges of mel bands."""

    def apply(self, specs: Tensor, rng: torch.Generator) -> Tensor:
        """Cover each row's own bands over all frames."""
        return self._fill(specs, self._bands(specs, 1, rng)[:, :, None])
