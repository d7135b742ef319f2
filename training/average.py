"""Exponential moving average of the weights: steadier than any single step, and the model that is kept."""

import copy

import torch
from torch import Tensor

from training.model import Classifier

_RAMP = 10  # the first steps average over few: decay grows as (1 + n) / (10 + n), so early weights fade


class MovingAverage:
    """A copy of the model that follows it slowly. With decay 0 it is the model of the last step."""

    def __init__(self, model: Classifier, decay: float) -> None:
        self.module = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
        self._decay = decay

    @torch.no_grad()
    def update(self, model: Classifier, step: int) -> None:
        """Move towards the weights after this step (counted from 0)."""
        decay = min(self._decay, (1 + step) / (_RAMP + step))
        followers, leaders = _floating(self.module), _floating(model)
        torch._foreach_lerp_(followers, leaders, 1 - decay)


def _floating(model: Classifier) -> list[Tensor]:
    """Weights and running statistics; counters of batches need no average."""
    return [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
