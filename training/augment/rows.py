"""What every augmentation shares: which rows it touches, and how it draws for them.

An augmentation is its own configuration (a frozen model with a probability), works on a batch wherever the
batch lies, draws only from the generator it is handed, and never writes into its input. Nothing here knows
about sound beyond its level.
"""

import math
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from torch import Tensor

SILENCE = 1e-8
"""A root mean square below this is silence: one step of 16 bits is 3e-5. Its square is a normal float32."""


class RowTransform(BaseModel):
    """A change that each row of a batch meets with probability `p`, on its own draw of parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    p: float = Field(default=0.0, ge=0, le=1)
    """Probability that a row is changed; 0 switches the transform off."""

    def on_chosen_rows(self, batch: Tensor, rng: torch.Generator, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Replace the chosen rows by what `change` makes of them; with none chosen, return the batch."""
        if self.p == 0:
            return batch
        chosen = torch.rand(len(batch), generator=rng, device=batch.device) < self.p
        rows = chosen.nonzero()[:, 0]
        if len(rows) == 0:
            return batch
        if len(rows) == len(batch):  # spares a copy in and a copy out
            return change(batch)
        return batch.index_copy(0, rows, change(batch[rows]))


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError(f"the range [{span[0]}, {span[1]}] runs backwards")
    return span


Fraction01 = Annotated[float, Field(ge=0, le=1)]
FractionRange = Annotated[tuple[Fraction01, Fraction01], AfterValidator(_ordered)]
Decibel = Annotated[float, Field(ge=-120, le=120)]
DecibelRange = Annotated[tuple[Decibel, Decibel], AfterValidator(_ordered)]
Exponent = Annotated[float, Field(ge=-2, le=4)]
ExponentRange = Annotated[tuple[Exponent, Exponent], AfterValidator(_ordered)]
Seconds = Annotated[float, Field(ge=0.01, le=10)]
SecondsRange = Annotated[tuple[Seconds, Seconds], AfterValidator(_ordered)]


def uniform(count: int, span: tuple[float, float], rng: torch.Generator) -> Tensor:
    """One draw per row from the range, as a column that multiplies a batch of rows."""
    low, high = span
    return low + (high - low) * torch.rand(count, 1, generator=rng, device=rng.device)


def whole_up_to(largest: Tensor, rng: torch.Generator) -> Tensor:
    """Whole numbers from 0 to `largest`, both included, each as likely; one for each element of `largest`."""
    draw = torch.rand(largest.shape, generator=rng, device=largest.device)
    return torch.minimum((draw * (largest + 1)).long(), largest)  # a draw next to 1 may round up to one too many


def spans(count: int, masks: int, length: int, longest: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Start and stop, `[count, masks]` each, of spans within `length`, up to the fraction `longest` of it."""
    limit = torch.full((count, masks), int(longest * length), device=rng.device)
    width = whole_up_to(limit, rng)
    start = whole_up_to(length - width, rng)
    return start, start + width


def covered(start: Tensor, stop: Tensor, length: int) -> Tensor:
    """`[count, length]`: whether each place lies in any of its row's spans."""
    place = torch.arange(length, device=start.device)
    return ((place >= start[..., None]) & (place < stop[..., None])).any(dim=1)


def level(waves: Tensor) -> Tensor:
    """Root mean square of each row, as a column."""
    norm: Tensor = torch.linalg.vector_norm(waves, dim=1, keepdim=True)
    return norm / math.sqrt(waves.shape[1])


def at_level_of(waves: Tensor, model: Tensor) -> Tensor:
    """Scale each row to the level of the same row of `model`; silence stays silence."""
    return waves * (level(model) / level(waves).clamp_min(SILENCE))
