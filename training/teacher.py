"""A teacher: a trained model whose answers another learns from.

Both hear the same augmented and mixed batch, so the teacher says what is to be heard in it, where the labels only say
what was put in (Beyer et al., 2022).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.losses import said_by
from training.model import AudioResNet
from training.recipe import LossConfig


@dataclass(frozen=True)
class Teacher:
    """What it says is a part of each target."""

    network: AudioResNet
    share: float
    minutes: float
    """That it took to train it."""

    @torch.no_grad()
    def corrected(self, targets: Tensor, pictures: Tensor, config: LossConfig) -> Tensor:
        """The targets of these pictures, drawn towards what the teacher says of them."""
        said = said_by(self.network(pictures).logits.float(), config)
        return targets.lerp(said, self.share)
