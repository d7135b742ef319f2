"""The model as a GPU runs it fastest: the network in half precision, the front end as it was trained."""

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.model import Classifier, Output

_Network = TypeVar("_Network", bound=nn.Module)


class HalfClassifier(nn.Module):
    """The front end in float32, the network in float16 between two casts.

    Half precision in the front end would cost up to 16 dB on steep spectra.
    """

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.frontend = model.frontend
        self.network = fold_batch_norms(model.network).half()

    def forward(self, waveform: Tensor) -> Output:
        """[B, N] → scores and embedding, float32."""
        logits, embedding = self.network(self.frontend(waveform).half())
        return Output(logits.float(), embedding.float())


def half_on(model: Classifier, device: torch.device) -> nn.Module:
    """A half precision copy on this device, with channels last, as tensor cores read them."""
    module: nn.Module = HalfClassifier(copy.deepcopy(model)).eval().to(device)
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def fold_batch_norms(network: _Network) -> _Network:
    """A copy in which each convolution has taken in the batch norm behind it; rounded once, in float32."""
    folded = copy.deepcopy(network).eval()
    for parent in list(folded.modules()):
        children = list(parent.named_children())
        for (name, layer), (norm_name, norm) in pairwise(children):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(layer, norm))
                setattr(parent, norm_name, nn.Identity())
    return folded
