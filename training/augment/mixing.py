"""Mixing rows of a batch: mixup (Zhang et al., 2018), cuts along one axis (after CutMix, Yun et al., 2019).

A `Mixing` is the configuration; its `draw` decides for one batch what is mixed with what, and the `Mix` that
comes of it is first asked for the waveforms, then for the spectrograms. Labels are not touched here:
`partner` and `weight` are what a loss needs to build its targets, `weight * own + (1 - weight) * partner's`
or any other way.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from training.augment.rows import SILENCE

Kind = Literal["none", "mixup", "cut_time", "cut_frequency"]
KINDS: tuple[Kind, ...] = ("none", "mixup", "cut_time", "cut_frequency")
Domain = Literal["wave", "spectrogram"]

LOUDNESS_WINDOWS = 50
"""A clip is as loud as the loudest of so many parts, 0.1 s of 5 s: padding with silence changes nothing."""


@dataclass(frozen=True, eq=False)
class Mix:
    """What is mixed with what in one batch. Rows are mixed once, in the one domain the kind belongs to."""

    kind: Kind
    partner: Tensor
    """`[B]`, int64: the row that is mixed in, never the row itself unless kind is none or it is alone."""
    weight: Tensor
    """`[B]`, float32: the share of the row's own label. For cuts it is the area that stays, exactly."""
    start: Tensor
    """`[B]`, float32: where a cut begins, as a fraction of its axis."""
    domain: Domain = "wave"
    """Where mixup happens; cuts are always made in spectrograms."""
    equal_level: bool = False
    """Whether mixup of waveforms weighs rows as if they were equally loud."""

    def on_waves(self, waves: Tensor) -> Tensor:
        """Mix waveforms `[B, T]`, or return them as they are."""
        if self.kind != "mixup" or self.domain != "wave":
            return waves
        other = waves[self.partner]
        weight = self.weight[:, None].to(waves.dtype)
        if self.equal_level:
            return _mixed_at_equal_level(waves, other, weight)
        return torch.lerp(other, waves, weight)

    def on_spectrograms(self, specs: Tensor) -> Tensor:
        """Mix spectrograms `[B, M, T]`, or return them as they are."""
        if self.kind == "none" or (self.kind == "mixup" and self.domain == "wave"):
            return specs
        return torch.lerp(specs, specs[self.partner], self._share_of_partner(specs).to(specs.dtype))

    def _share_of_partner(self, specs: Tensor) -> Tensor:
        if self.kind == "cut_time":
            return self._cut(specs.shape[2])[:, None, :]
        if self.kind == "cut_frequency":
            return self._cut(specs.shape[1])[:, :, None]
        return (1 - self.weight)[:, None, None]

    def _cut(self, length: int) -> Tensor:
        """How much of each place lies in the cut, `[B, length]`.

        The two places on the edges are covered in part: thus the area is the drawn one at any length, and the
        label's weight is true without knowing the size of the spectrogram when it is drawn.
        """
        place = torch.arange(length, device=self.start.device)
        start = self.start[:, None] * length
        stop = start + (1 - self.weight[:, None]) * length
        return (torch.minimum(stop, place + 1) - torch.maximum(start, place)).clamp(0, 1)


class Mixing(BaseModel):
    """How often a batch is mixed, and how: one kind is drawn per batch, by weight, and a share per row."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    none: float = Field(default=1.0, ge=0)
    """Weight of leaving the batch alone."""
    mixup: float = Field(default=0.0, ge=0)
    """Weight of mixing whole rows: λ of one, 1 - λ of the other."""
    cut_time: float = Field(default=0.0, ge=0)
    """Weight of putting a span of another row's spectrogram over the same span of this one."""
    cut_frequency: float = Field(default=0.0, ge=0)
    """Weight of doing so with a band of frequencies."""
    mixup_alpha: float = Field(default=0.4, ge=0.01, le=100)
    """λ of mixup is Beta(α, α): 0.4, from the paper, mostly leaves one row ahead; 1 is uniform."""
    cut_alpha: float = Field(default=1.0, ge=0.01, le=100)
    """The same for cuts; 1, from the paper, makes every size as likely."""
    mixup_domain: Domain = "wave"
    """Waveforms mix as sounds do in the air; log-mel spectrograms mix like transparent pictures."""
    equal_level: bool = False
    """For mixup of waveforms: weigh as if both were equally loud (Between-Class learning, Tokozume, 2018)."""
    until: float = Field(default=1.0, gt=0, le=1)
    """Share of a run's steps that mix; from then on each sound is heard alone, as in service."""

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if sum(self._weights()) <= 0:
            raise ValueError("all weights of mixing are zero; for no mixing give `none` a weight")
        return self

    def at(self, step: int, steps: int) -> "Mixing":
        """What is done at this step of so many: nothing, once `until` has passed."""
        return self if step < self.until * steps else Mixing()

    def draw(self, batch_size: int, rng: torch.Generator, device: torch.device | str | None = None) -> Mix:
        """Decide for one batch; `device` (the generator's by default) is where the batch lies.

        All draws are made on the host by a generator of numpy, seeded from `rng`: they are a few numbers, the
        kind must be known to the host anyway, and torch has no public Beta that takes a generator.
        """
        device = rng.device if device is None else torch.device(device)
        if self.mixup == self.cut_time == self.cut_frequency == 0:
            return self._unmixed(batch_size, device)
        seed = torch.randint(2**62, (), generator=rng, device=rng.device).item()
        host = np.random.default_rng(int(seed))
        weights = np.array(self._weights())
        kind = KINDS[host.choice(len(KINDS), p=weights / weights.sum())]
        return self._unmixed(batch_size, device) if kind == "none" else self._mixed(kind, batch_size, host, device)

    def _weights(self) -> tuple[float, ...]:
        return (self.none, self.mixup, self.cut_time, self.cut_frequency)

    def _unmixed(self, batch_size: int, device: torch.device) -> Mix:
        rows = torch.arange(batch_size, device=device)
        return Mix("none", rows, torch.ones(batch_size, device=device), torch.zeros(batch_size, device=device))

    def _mixed(self, kind: Kind, batch_size: int, host: np.random.Generator, device: torch.device) -> Mix:
        alpha = self.mixup_alpha if kind == "mixup" else self.cut_alpha
        weight = host.beta(alpha, alpha, batch_size)
        start = host.random(batch_size) * weight  # a cut as wide as 1 - weight then ends within the axis
        return Mix(
            kind,
            partner=torch.from_numpy(_one_cycle(batch_size, host)).to(device),
            weight=torch.from_numpy(weight.astype(np.float32)).to(device),
            start=torch.from_numpy(start.astype(np.float32)).to(device),
            domain=self.mixup_domain,
            equal_level=self.equal_level,
        )


def _one_cycle(count: int, host: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A permutation that is one cycle: every row is somebody's partner, and nobody's own."""
    order = host.permutation(count)
    partner = np.empty(count, dtype=np.int64)
    partner[order] = np.roll(order, 1)
    return partner


def _mixed_at_equal_level(waves: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    """Shares by loudness, and a sum of the energy that two unrelated sounds have together."""
    share = weight * _loudness(other)
    rest = (1 - weight) * _loudness(waves)
    share = share / (share + rest)
    return torch.lerp(other, waves, share) / (share.square() + (1 - share).square()).sqrt()


def _loudness(waves: Tensor) -> Tensor:
    """Root mean square of the loudest part of each row, as a column; never zero."""
    parts = min(LOUDNESS_WINDOWS, waves.shape[1])
    size = waves.shape[1] // parts
    power = waves[:, : parts * size].reshape(len(waves), parts, size).square().mean(dim=2)
    return power.amax(dim=1, keepdim=True).sqrt().clamp_min(SILENCE)
