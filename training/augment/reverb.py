"""Reverberation: a waveform augmentation that puts the clip into a room, made up or measured."""

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contract.errors import EarshotError
from training.augment.rows import SILENCE, FractionRange, SecondsRange, at_level_of, uniform
from training.augment.sizes import fast_length
from training.augment.waveform import WaveTransform
from training.data.audio_files import decode_named, is_audio

LONGEST_IMPULSE_S = 3.0
"""Measured responses are cut here; the transform of every row is as long as the clip and the longest one."""
DECAY = -3 * math.log(10)
"""Exponent of the amplitude at the reverberation time, which is when 60 dB are gone."""


class Reverb(WaveTransform):
    """Convolve each row with a room's impulse response and blend it with the dry row, at the row's own level.

    Without `impulses` the room is noise that decays exponentially, the plainest model of a diffuse field.
    """

    rt60_s: SecondsRange = (0.2, 1.0)
    """Range of the time in which a made-up room decays by 60 dB."""
    wet: FractionRange = (0.1, 0.5)
    """Range of the reverberant share of the energy."""
    impulses: Path | None = None
    """Folder of measured impulse responses, audio files, one of which is drawn per row; read once."""

    def apply(self, waves: Tensor, sample_rate: int, rng: torch.Generator) -> Tensor:
        """Blend dry and wet in the response itself, so that one convolution serves both."""
        wet = uniform(len(waves), self.wet, rng)
        response = self._rooms(len(waves), sample_rate, rng)
        response = wet.sqrt() * response
        response[:, :1] += (1 - wet).sqrt()
        return at_level_of(_convolved(waves, response), waves)

    def _rooms(self, count: int, sample_rate: int, rng: torch.Generator) -> Tensor:
        """Impulse responses `[count, L]` of unit energy."""
        if self.impulses is None:
            return _made_up(count, sample_rate, self.rt60_s, rng)
        measured = measured_impulses(self.impulses, sample_rate, str(rng.device))
        return measured[torch.randint(len(measured), (count,), generator=rng, device=rng.device)]


@lru_cache(maxsize=4)
def measured_impulses(folder: Path, sample_rate: int, device: str = "cpu") -> Tensor:
    """The folder's responses `[N, L]` in order of name, from their direct sound on, of unit energy."""
    files = [path for path in sorted(folder.glob("*")) if is_audio(path)]
    if not files:
        raise EarshotError(f"{folder} holds no impulse response: expected audio files in this folder")
    impulses = [_read_impulse(file, sample_rate) for file in files]
    padded = torch.nn.utils.rnn.pad_sequence(impulses, batch_first=True)
    return _unit_energy(padded).to(device)


def _read_impulse(file: Path, sample_rate: int) -> Tensor:
    samples = decode_named(file, sample_rate)
    direct = int(np.abs(samples).argmax())
    return torch.from_numpy(samples[direct : direct + round(LONGEST_IMPULSE_S * sample_rate)].copy())


def _made_up(count: int, sample_rate: int, rt60_s: tuple[float, float], rng: torch.Generator) -> Tensor:
    """As long as the longest time that may be drawn, so that the size does not depend on the draw."""
    seconds = torch.arange(round(rt60_s[1] * sample_rate), device=rng.device) / sample_rate
    envelope = torch.exp(DECAY * seconds / uniform(count, rt60_s, rng))
    return _unit_energy(torch.randn(envelope.shape, generator=rng, device=rng.device) * envelope)


def _unit_energy(impulses: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(impulses, dim=1, keepdim=True)
    return impulses / norm.clamp_min(SILENCE)


def _convolved(waves: Tensor, response: Tensor) -> Tensor:
    """Linear convolution, cut to the length of the waves."""
    size = fast_length(waves.shape[1] + response.shape[1] - 1)
    spectrum = torch.fft.rfft(waves, n=size) * torch.fft.rfft(response, n=size)
    convolved: Tensor = torch.fft.irfft(spectrum, n=size)
    return convolved[:, : waves.shape[1]]
