"""Targets of a mixed batch, and the loss against them."""

import torch
from torch import Tensor
from torch.nn import functional

from training.augment import Mix
from training.recipe import LossConfig


def targets_of(labels: Tensor, mix: Mix, classes: int, config: LossConfig) -> Tensor:
    """[B, classes]: what the network should say of a batch in which each clip is mixed with a partner."""
    own = functional.one_hot(labels, classes).float()
    partner = own[mix.partner]
    weight = mix.weight.unsqueeze(1)
    if config.kind == "cross_entropy":
        targets = weight * own + (1 - weight) * partner
        return targets * (1 - config.label_smoothing) + config.label_smoothing / classes
    audible = torch.maximum(
        own * (1 - weight <= config.drop_weaker_above), partner * (weight <= config.drop_weaker_above)
    )
    return audible * (1 - config.label_smoothing) + config.label_smoothing / classes


def taught(targets: Tensor, said: Tensor, config: LossConfig) -> Tensor:
    """Targets drawn towards what a teacher says of the same batch (logits)."""
    answers = said.softmax(1) if config.kind == "cross_entropy" else said.sigmoid()
    return targets.lerp(answers, config.taught)


def loss_of(logits: Tensor, targets: Tensor, config: LossConfig) -> Tensor:
    """Mean loss of the batch."""
    if config.kind == "cross_entropy":
        return functional.cross_entropy(logits, targets)
    return functional.binary_cross_entropy_with_logits(logits, targets)
