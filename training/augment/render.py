"""What the augmentations do to one clip, to listen to and to look at.

Writes a WAV file for every waveform transform and one picture of all transforms, before and after. For a
person who chooses strengths; nothing in training reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor

from training.augment import Mix, Mixing, SpecAugment, WaveAugment
from training.augment.picture import Panel, Row, draw_page, log_mel

PICTURE = "augmentations.png"
SHOWN_ALPHA = 20.0
"""Shares of mixing near one half, so that both sounds are seen; training draws more unequal ones."""
SWEEP_HZ = (200.0, 6000.0)
"""The stand-in partner is a rising tone, for it is easily told from any clip."""


@dataclass(frozen=True)
class _Demonstration:
    name: str
    waves: Tensor
    row: Row


def render(
    clip: NDArray[np.float32],
    sample_rate: int,
    out_dir: Path,
    seed: int,
    partner: NDArray[np.float32] | None = None,
    wave_augment: WaveAugment | None = None,
    spec_augment: SpecAugment | None = None,
) -> list[Path]:
    """Write what each transform makes of the clip, every one with p = 1, and return the files in order.

    Strengths are those of the two groups given. `partner`, as long as the clip, is what it is mixed with.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    waves = torch.from_numpy(np.ascontiguousarray(clip, dtype=np.float32))[None]
    other = _rising_tone(waves, sample_rate) if partner is None else torch.from_numpy(partner)[None]
    shown = list(_wave_transforms(waves, sample_rate, seed, wave_augment or WaveAugment()))
    shown.append(_mixup(waves, other, sample_rate, seed))
    rows = [one.row for one in shown]
    rows += _spectrogram_transforms(waves, sample_rate, seed, spec_augment or SpecAugment())
    rows += _cuts(waves, other, sample_rate, seed)
    written = [_write(out_dir / "00-original.wav", waves, sample_rate)]
    for number, one in enumerate(shown, start=1):
        written.append(_write(out_dir / f"{number:02}-{one.name}.wav", one.waves, sample_rate))
    return [*written, draw_page(rows, out_dir / PICTURE)]


def _wave_transforms(waves: Tensor, sample_rate: int, seed: int, group: WaveAugment) -> Iterator[_Demonstration]:
    before = _heard("before", waves, sample_rate)
    for name, transform in group.transforms().items():
        certain = transform.model_copy(update={"p": 1.0})
        after = certain(waves, sample_rate, torch.Generator().manual_seed(seed))
        title = name.replace("_", " ").capitalize()
        row = Row(title, _settings(transform), (before, _heard("after", after, sample_rate)))
        yield _Demonstration(name.replace("_", "-"), after, row)


def _mixup(waves: Tensor, other: Tensor, sample_rate: int, seed: int) -> _Demonstration:
    mix = _certain_mix(Mixing(none=0, mixup=1, mixup_alpha=SHOWN_ALPHA), seed)
    mixed = mix.on_waves(torch.cat([waves, other]))[:1]
    panels = (
        _heard("clip", waves, sample_rate),
        _heard("partner", other, sample_rate),
        _heard("mixed", mixed, sample_rate),
    )
    return _Demonstration("mixup", mixed, Row("Mixup of waveforms", _share(mix), panels))


def _spectrogram_transforms(waves: Tensor, sample_rate: int, seed: int, group: SpecAugment) -> Iterator[Row]:
    specs = log_mel(waves, sample_rate)
    for name, transform in group.transforms().items():
        certain = transform.model_copy(update={"p": 1.0})
        after = certain(specs, torch.Generator().manual_seed(seed))
        panels = (_seen("before", specs, sample_rate), _seen("after", after, sample_rate))
        yield Row(f"{name.capitalize()} masking", _settings(transform), panels)


def _cuts(waves: Tensor, other: Tensor, sample_rate: int, seed: int) -> Iterator[Row]:
    specs = log_mel(torch.cat([waves, other]), sample_rate)
    kinds = {
        "Mixup of spectrograms": Mixing(none=0, mixup=1, mixup_alpha=SHOWN_ALPHA, mixup_domain="spectrogram"),
        "Cut in time": Mixing(none=0, cut_time=1, cut_alpha=SHOWN_ALPHA),
        "Cut in frequency": Mixing(none=0, cut_frequency=1, cut_alpha=SHOWN_ALPHA),
    }
    for title, mixing in kinds.items():
        mix = _certain_mix(mixing, seed)
        mixed = mix.on_spectrograms(specs)
        shown = {"clip": specs[:1], "partner": specs[1:], "mixed": mixed[:1]}
        yield Row(title, _share(mix), tuple(_seen(name, spec, sample_rate) for name, spec in shown.items()))


def _certain_mix(mixing: Mixing, seed: int) -> Mix:
    return mixing.draw(2, torch.Generator().manual_seed(seed))


def _share(mix: Mix) -> str:
    return f"{mix.weight[0].item():.0%} clip, {1 - mix.weight[0].item():.0%} partner"


def _settings(transform: BaseModel) -> str:
    """The strengths of a transform in words, such as "snr db 10 to 40"."""
    values = transform.model_dump(mode="json", exclude={"p"}, exclude_none=True)
    return ", ".join(f"{name.replace('_', ' ')} {_words(value)}" for name, value in values.items())


def _words(value: object) -> str:
    if not isinstance(value, list):
        return f"{value:g}" if isinstance(value, float) else str(value)
    between = " to " if len(value) == 2 and isinstance(value[0], float) else " "
    return between.join(_words(one) for one in value)


def _heard(caption: str, waves: Tensor, sample_rate: int) -> Panel:
    return Panel(caption, log_mel(waves, sample_rate)[0].numpy(), sample_rate, waves[0].numpy())


def _seen(caption: str, specs: Tensor, sample_rate: int) -> Panel:
    return Panel(caption, specs[0].numpy(), sample_rate)


def _rising_tone(like: Tensor, sample_rate: int) -> Tensor:
    """As long as the clip and half as loud as its peak."""
    octaves = np.log2(SWEEP_HZ[1] / SWEEP_HZ[0])
    hertz = SWEEP_HZ[0] * 2 ** torch.linspace(0, float(octaves), like.shape[1], dtype=torch.float64)
    phase = 2 * torch.pi * hertz.cumsum(0) / sample_rate
    return (phase.sin().float() * like.abs().max() / 2)[None]


def _write(path: Path, waves: Tensor, sample_rate: int) -> Path:
    """In floating point, which keeps peaks above 1."""
    soundfile.write(path, waves[0].numpy(), sample_rate, subtype="FLOAT")
    return path
