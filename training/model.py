"""The network: a residual network over spectrograms, and the whole model from waveform to scores.

Every module has a name that can be spoken of from outside: `layer2.block1.relu` is the output of the first block of
the second stage. The debug path addresses them by these names, so they are part of the contract.
"""

from collections import OrderedDict
from typing import Annotated, Literal, NamedTuple, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from training.frontend import LogMel

AtLeastOne = Annotated[int, Field(ge=1)]


class ModelConfig(BaseModel):
    """Shape of the network."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    widths: tuple[AtLeastOne, ...] = Field(default=(32, 64, 128, 256), min_length=1)
    """Channels of each stage."""
    blocks: tuple[AtLeastOne, ...] = Field(default=(2, 2, 2, 2), min_length=1)
    """Residual blocks of each stage."""
    inner: tuple[tuple[AtLeastOne, ...], ...] = ()
    """Channels between the two convolutions of each block, stage by stage; none named = as wide as the stage."""
    stem: Literal["pool4", "conv2", "conv1"] = "pool4"
    """First reduction of the picture: to a quarter by convolution and pooling, to a half by convolution, or none."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """On the embedding, before the last layer."""
    block_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Inside each block, between its convolutions."""

    @model_validator(mode="after")
    def _one_count_for_each_stage(self) -> Self:
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"widths {self.widths} and blocks {self.blocks} must have the same length")
        if self.inner and tuple(map(len, self.inner)) != self.blocks:
            raise ValueError(
                f"inner {self.inner} must name a width for each block of each stage: blocks {self.blocks}"
            )
        return self

    @property
    def inner_widths(self) -> tuple[tuple[int, ...], ...]:
        """Channels inside of each block, named or not."""
        return self.inner or tuple((width,) * count for width, count in zip(self.widths, self.blocks, strict=True))


class Output(NamedTuple):
    """What the network says of a batch."""

    logits: Tensor
    """[B, classes]."""
    embedding: Tensor
    """[B, width of the last stage]."""


class Block(nn.Module):
    """Two 3×3 convolutions with `inner` channels between them, and a shortcut around both."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu1 = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(inner, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = _shortcut(inputs, outputs, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, F, T] → [B, outputs, F / stride, T / stride]."""
        inner = self.dropout(self.relu1(self.bn1(self.conv1(x))))
        result: Tensor = self.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))
        return result


class AudioResNet(nn.Module):
    """Spectrogram [B, 1, F, T] → logits and embedding."""

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.stem = _stem(config)
        inputs = config.widths[0]
        self.stages = [f"layer{i}" for i in range(1, len(config.widths) + 1)]
        for name, width, inner in zip(self.stages, config.widths, config.inner_widths, strict=True):
            stride = 1 if name == "layer1" else 2
            self.add_module(name, _stage(inputs, width, inner, stride, config.block_dropout))
            inputs = width
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(inputs, classes)
        self._initialise()

    def forward(self, spectrograms: Tensor) -> Output:
        """[B, 1, F, T] → scores of each class, and the embedding that they are read from."""
        x = self.stem(spectrograms)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        over_time = x.mean(dim=2)
        embedding = over_time.mean(dim=2) + over_time.amax(dim=2)
        return Output(self.head(self.dropout(embedding)), embedding)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Block):
                nn.init.zeros_(module.bn2.weight)  # each block starts as its shortcut: deep nets train faster


class Classifier(nn.Module):
    """The whole road inside the graph: waveform [B, N] → logits and embedding."""

    def __init__(self, frontend: LogMel, network: AudioResNet) -> None:
        super().__init__()
        self.frontend = frontend
        self.network = network

    def forward(self, waves: Tensor) -> Output:
        """[B, N] → scores and embedding."""
        output: Output = self.network(self.frontend(waves))
        return output


def multiply_accumulates(network: nn.Module, spectrogram: Tensor) -> int:
    """Multiplications of the convolutions and the last layer for this input."""
    counted: list[int] = []

    def count(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            counted.append(output.numel() * module.weight[0].numel())
        elif isinstance(module, nn.Linear):
            counted.append(output.shape[0] * module.weight.numel())

    hooks = [m.register_forward_hook(count) for m in network.modules()]
    with torch.no_grad():
        network(spectrogram)
    for hook in hooks:
        hook.remove()
    return sum(counted)


def _stem(config: ModelConfig) -> nn.Sequential:
    stride = 1 if config.stem == "conv1" else 2
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(1, config.widths[0], 5, stride, padding=2, bias=False),
        bn=nn.BatchNorm2d(config.widths[0]),
        relu=nn.ReLU(),
    )
    if config.stem == "pool4":
        layers["pool"] = nn.MaxPool2d(3, stride=2, padding=1)
    return nn.Sequential(layers)


def _stage(inputs: int, width: int, inner: tuple[int, ...], stride: int, dropout: float) -> nn.Sequential:
    blocks = (Block(width if i else inputs, n, width, 1 if i else stride, dropout) for i, n in enumerate(inner))
    return nn.Sequential(OrderedDict((f"block{i}", block) for i, block in enumerate(blocks, start=1)))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The identity where shapes agree; elsewhere average, then project: no sample is skipped unseen."""
    if inputs == outputs and stride == 1:
        return nn.Identity()
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if stride != 1:
        layers["pool"] = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
    layers["conv"] = nn.Conv2d(inputs, outputs, 1, bias=False)
    layers["bn"] = nn.BatchNorm2d(outputs)
    return nn.Sequential(layers)
