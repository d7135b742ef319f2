"""What the augmentations do to one clip, to listen to and to look at.

Writes a WAV file for every waveform transform and one picture of all transforms, before and after, as the front
end of a recipe gives them to its model. For a person who chooses strengths; nothing in training reads it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from pydantic import BaseModel
from torch import Tensor

from contract.audio import Waveform, fit
from training.augment import Mix, Mixing, SpecAugment, WaveAugment
from training.augment.picture import Panel, Row, draw_page
from training.frontend import LogMel
from training.recipe import Recipe

PICTURE = "augmentations.png"
SHOWN_ALPHA = 20.0
"""Shares of mixing near one half, so that both sounds are seen; training draws more unequal ones."""
SWEEP_HZ = (200.0, 6000.0)
"""The stand-in partner is a rising tone, for it is easily told from any clip."""


def render(clip: Waveform, recipe: Recipe, out_dir: Path, seed: int, partner: Waveform | None = None) -> list[Path]:
    """Write what each transform makes of the clip, and return the files in order."""
    rows = demonstrate(clip, recipe, seed, partner)
    out_dir.mkdir(parents=True, exist_ok=True)
    return [*_write_sounds(rows, out_dir, recipe.audio.sample_rate), draw_page(rows, recipe, out_dir / PICTURE)]


def demonstrate(clip: Waveform, recipe: Recipe, seed: int, partner: Waveform | None = None) -> list[Row]:
    """Each transform at the recipe's strengths and p = 1, in the order of training.

    A clip shorter than the recipe's window is padded to it, as in training. `partner` is what the clip is mixed
    with, cut or padded to its length.
    """
    clip = fit(clip, max(clip.size, recipe.audio.window_samples))
    other = _rising_tone(clip, recipe) if partner is None else fit(partner, clip.size)
    pair = torch.from_numpy(np.stack((clip, other)))
    front_end = LogMel(recipe.front_end, recipe.audio.sample_rate)
    return [
        *_wave_rows(pair[:1], recipe.wave_augment, front_end, seed),
        _mixup_row(pair, front_end, seed, equal_level=recipe.mixing.equal_level),
        *_mask_rows(front_end.decibels(pair[:1]), recipe.spectrogram_augment, seed),
        *_cut_rows(front_end.decibels(pair), seed),
    ]


def _wave_rows(waves: Tensor, group: WaveAugment, front_end: LogMel, seed: int) -> Iterator[Row]:
    for name, transform in group.transforms().items():
        certain = transform.model_copy(update={"p": 1.0})
        after = certain(waves, front_end.sample_rate, _generator(seed))
        title = name.replace("_", " ").capitalize()
        yield Row(title, _settings(transform), _heard(front_end, before=waves, after=after))


def _mixup_row(pair: Tensor, front_end: LogMel, seed: int, *, equal_level: bool) -> Row:
    mixing = Mixing(none=0, mixup=1, mixup_alpha=SHOWN_ALPHA, equal_level=equal_level)
    mix = mixing.draw(2, _generator(seed))
    panels = _heard(front_end, clip=pair[:1], partner=pair[1:], mixed=mix.on_waves(pair)[:1])
    return Row("Mixup of waveforms", _share(mix) + (", as if equally loud" if equal_level else ""), panels)


def _mask_rows(specs: Tensor, group: SpecAugment, seed: int) -> Iterator[Row]:
    """Training masks what is standardised, where zero is the mean of all data; here it is that of the clip."""
    mean = specs.mean()
    for name, transform in group.transforms().items():
        certain = transform.model_copy(update={"p": 1.0})
        after = certain(specs - mean, _generator(seed)) + mean
        yield Row(f"{name.capitalize()} masking", _settings(transform), _seen(before=specs, after=after))


def _cut_rows(specs: Tensor, seed: int) -> Iterator[Row]:
    kinds = {
        "Mixup of spectrograms": Mixing(none=0, mixup=1, mixup_alpha=SHOWN_ALPHA, mixup_domain="spectrogram"),
        "Cut in time": Mixing(none=0, cut_time=1, cut_alpha=SHOWN_ALPHA),
        "Cut in frequency": Mixing(none=0, cut_frequency=1, cut_alpha=SHOWN_ALPHA),
    }
    for title, mixing in kinds.items():
        mix = mixing.draw(2, _generator(seed))
        mixed = mix.on_spectrograms(specs)
        yield Row(title, _share(mix), _seen(clip=specs[:1], partner=specs[1:], mixed=mixed[:1]))


def _heard(front_end: LogMel, **waves: Tensor) -> tuple[Panel, ...]:
    return tuple(
        Panel(caption, front_end.decibels(wave)[0].numpy(), wave[0].numpy()) for caption, wave in waves.items()
    )


def _seen(**specs: Tensor) -> tuple[Panel, ...]:
    return tuple(Panel(caption, spec[0].numpy()) for caption, spec in specs.items())


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


def _rising_tone(like: Waveform, recipe: Recipe) -> Waveform:
    """As long as the clip and half as loud as its peak."""
    low, high = (min(hertz, recipe.front_end.fmax) for hertz in SWEEP_HZ)
    hertz = np.geomspace(low, high, like.size)
    phase = 2 * np.pi * hertz.cumsum() / recipe.audio.sample_rate
    tone: Waveform = (np.sin(phase) * np.abs(like).max() / 2).astype(np.float32)
    return tone


def _write_sounds(rows: list[Row], folder: Path, sample_rate: int) -> list[Path]:
    """The clip, then the result of each row that can be heard; in floating point, which keeps peaks above 1."""
    sounds = {"original": rows[0].panels[0].wave}
    sounds |= {row.title.lower().replace(" ", "-"): row.panels[-1].wave for row in rows}
    heard = [(name, wave) for name, wave in sounds.items() if wave is not None]
    paths = [folder / f"{number:02}-{name}.wav" for number, (name, _) in enumerate(heard)]
    for path, (_, wave) in zip(paths, heard, strict=True):
        soundfile.write(path, wave, sample_rate, subtype="FLOAT")
    return paths
