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


def self_taught(targets: Tensor, said: Tensor, progress: float, config: LossConfig) -> Tensor:
    """Targets drawn towards what a steadier self says of the same batch (logits), the more the further the run is.

    It hears what is in a mixed batch, where the labels only say what was put in (after Kim et al., 2021, whose
    steadier self is the model of the epoch before).
    """
    answers = said.softmax(1) if config.kind == "cross_entropy" else said.sigmoid()
    return targets.lerp(answers, config.self_taught * progress)


def loss_of(logits: Tensor, targets: Tensor, config: LossConfig) -> Tensor:
    """Mean loss of the batch."""
    if config.kind == "cross_entropy":
        return functional.cross_entropy(logits, targets)
    return functional.binary_cross_entropy_with_logits(logits, targets)
