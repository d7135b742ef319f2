"""From a waveform to what the network sees: log-mel spectrograms and MFCCs as modules that can be exported.

The one definition of the front end: training, the debug path and every exported graph use these modules, so nothing
is ever re-implemented. The exported path holds neither complex numbers nor an FFT operator: `exportable()` swaps the
FFT, which is faster in PyTorch, for products of matrices, which run on every engine.

Spectrograms are computed in float32 under any autocast: half precision costs up to 23 dB on steep spectra.
Frames lie wholly inside the window; nothing is padded, so nothing is invented at the edges.
"""

import copy
import math
import warnings
from collections.abc import Iterable
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from contract.errors import EarshotError
from training.spectrum import BasesPower, DenseBands, FFTPower, SparseBands, TwoStagePower
from training.torchaudio_shim import torchaudio

_LOG10_SCALE = 10.0 / math.log(10.0)  # natural logarithm of a power → decibel


class FrontEndConfig(BaseModel):
    """What the network sees of a sound."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["logmel", "mfcc"] = "logmel"
    """Mel energies in decibels, or their cosine transform."""
    n_fft: int = Field(default=1024, ge=64)
    """Samples in a frame and its Fourier transform."""
    hop: int = Field(default=640, ge=16)
    """Samples from one frame to the next."""
    n_mels: int = Field(default=128, ge=8)
    """Mel bands."""
    n_mfcc: int = Field(default=40, ge=2)
    """Cepstral coefficients, for kind mfcc."""
    fmin: float = Field(default=20.0, ge=0)
    """Lower edge of the lowest band, Hz."""
    fmax: float = Field(default=16000.0, gt=0)
    """Upper edge of the highest band, Hz."""
    floor_db: float = Field(default=-80.0, ge=-200, le=0)
    """Mel energies quieter than this count as this loud."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fmin >= self.fmax:
            raise ValueError(f"fmin ({self.fmin} Hz) must lie below fmax ({self.fmax} Hz)")
        if self.hop > self.n_fft:
            raise ValueError(
                f"hop ({self.hop}) must not exceed n_fft ({self.n_fft}): sound between frames is not heard"
            )
        if self.kind == "mfcc" and self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc ({self.n_mfcc}) cannot exceed n_mels ({self.n_mels})")
        return self

    @property
    def bands(self) -> int:
        """Rows of the picture that the network sees."""
        return self.n_mels if self.kind == "logmel" else self.n_mfcc


class LogMel(nn.Module):
    """Waveform [B, N] → standardised log-mel spectrogram [B, 1, bands, frames]."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: FrontEndConfig, sample_rate: int) -> None:
        super().__init__()
        if config.fmax > sample_rate / 2:
            raise ValueError(
                f"fmax ({config.fmax:g} Hz) lies above half the sample rate ({sample_rate / 2:g} Hz): lower fmax"
            )
        self.config = config
        self.sample_rate = sample_rate
        self.power: nn.Module = FFTPower(config.n_fft, config.hop)
        self.mel: nn.Module = DenseBands(_mel_filters(config, sample_rate))
        self.register_buffer("mean", torch.zeros(config.bands, 1))
        self.register_buffer("std", torch.ones(config.bands, 1))

    def decibels(self, waves: Tensor) -> Tensor:
        """Mel energies in dB, [B, n_mels, frames], before standardisation."""
        with torch.autocast(waves.device.type, enabled=False):
            energies = self.mel(self.power(waves.float()))
            floor = 10.0 ** (self.config.floor_db / 10)
            decibels: Tensor = _LOG10_SCALE * energies.clamp(min=floor).log()
        return decibels

    def features(self, waves: Tensor) -> Tensor:
        """What is standardised: [B, bands, frames]."""
        return self.decibels(waves)

    def forward(self, waves: Tensor) -> Tensor:
        """[B, N] → [B, 1, bands, frames], each band with mean 0 and deviation 1 over the training clips."""
        return ((self.features(waves) - self.mean) / self.std).unsqueeze(1)

    def exportable(self, form: Literal["cpu", "gpu"]) -> Self:
        """A copy without complex numbers, equal to this one up to rounding, in the form that suits the engine."""
        twin = copy.deepcopy(self)
        n_fft, hop = self.config.n_fft, self.config.hop
        if form == "gpu":
            twin.power = BasesPower(n_fft, hop)
        else:
            twin.power = power = TwoStagePower(n_fft, hop)
            twin.mel = SparseBands(_mel_filters(self.config, self.sample_rate), power.rows)
        return twin.to(self.mean.device)

    @torch.no_grad()
    def fit_normalisation(self, batches: Iterable[Tensor]) -> None:
        """Set mean and deviation of each band from batches of training waveforms."""
        features = [self.features(waves) for waves in batches]
        per_band = torch.cat([f.transpose(0, 1).flatten(1) for f in features], dim=1)
        self.mean.copy_(per_band.mean(1, keepdim=True))
        self.std.copy_(per_band.std(1, keepdim=True).clamp(min=1e-3))


class MFCC(LogMel):
    """Waveform [B, N] → standardised cepstral coefficients [B, 1, n_mfcc, frames]."""

    cosines: Tensor

    def __init__(self, config: FrontEndConfig, sample_rate: int) -> None:
        super().__init__(config, sample_rate)
        cosines = torchaudio.functional.create_dct(config.n_mfcc, config.n_mels, norm="ortho")
        self.register_buffer("cosines", cosines.T.contiguous(), persistent=False)

    def features(self, waves: Tensor) -> Tensor:
        """Cosine transform of the mel energies in dB: [B, n_mfcc, frames]."""
        decibels = self.decibels(waves)
        with torch.autocast(waves.device.type, enabled=False):
            return torch.matmul(self.cosines, decibels)


def build_frontend(config: FrontEndConfig, sample_rate: int) -> LogMel:
    """The front end that a recipe asks for."""
    return (MFCC if config.kind == "mfcc" else LogMel)(config, sample_rate)


def mel_centres(config: FrontEndConfig) -> NDArray[np.float64]:
    """Centre frequency of each mel band in Hz, on the HTK scale that the filters use."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (config.fmin, config.fmax))
    mel = np.linspace(low, high, config.n_mels + 2)[1:-1]
    centres: NDArray[np.float64] = 700 * (10 ** (mel / 2595) - 1)
    return centres


def _mel_filters(config: FrontEndConfig, sample_rate: int) -> Tensor:
    with warnings.catch_warnings(action="ignore"):  # of bands without a frequency, which are refused below
        filters: Tensor = torchaudio.functional.melscale_fbanks(
            config.n_fft // 2 + 1, config.fmin, config.fmax, config.n_mels, sample_rate, norm=None, mel_scale="htk"
        )
    if not filters.any(dim=0).all():
        raise EarshotError(
            f"front_end.n_mels: {config.n_mels} bands are too narrow for frames of {config.n_fft} samples: "
            "lower n_mels, or raise n_fft"
        )
    return filters
