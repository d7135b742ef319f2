"""Sounds and measures that several tests use."""

import math

import torch
from torch import Tensor

RATE = 16_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tone(hertz: float, rows: int = 1, seconds: float = 1.0) -> Tensor:
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    return (0.5 * torch.sin(2 * math.pi * hertz * time)).float().expand(rows, -1).contiguous()


def strongest_hertz(waves: Tensor) -> Tensor:
    spectrum: Tensor = torch.fft.rfft(waves * torch.hann_window(waves.shape[1])).abs()
    return spectrum.argmax(dim=1) * (RATE / waves.shape[1])


def decibels(waves: Tensor) -> Tensor:
    return 10 * waves.double().square().mean(dim=1).log10()
