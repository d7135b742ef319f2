"""The picture of `render`: waveforms over log-mel spectrograms on one page, with true axes.

Drawn with matplotlib's objects alone; no pyplot, no global state.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from torch import Tensor

from training.torchaudio_shim import torchaudio

FFT_SIZE, HOP, MELS = 2048, 512, 80
"""At 48 kHz the lowest of 80 bands is still as wide as a bin of this transform: none is empty."""
RANGE_DB = 80.0
"""Shown below the loudest place of a row; what is quieter is black."""
TICKS_KHZ = (0.25, 1, 4, 16)
COLUMNS, CELL_INCHES, DPI = 2, (8.0, 2.7), 110
HEAD_INCHES = 0.6
WAVE_COLOURS = ("#8a8f98", "#8a8f98", "#c2410c")
"""What was there is grey, what became of it is not."""
INK, FAINT = "#1f2328", "#6b7280"
MAP = "magma"


@dataclass(frozen=True)
class Panel:
    """One sound, or one spectrogram."""

    caption: str
    spec: NDArray[np.float32]
    sample_rate: int
    wave: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Row:
    """What one transform does: panels from before to after."""

    title: str
    settings: str
    panels: tuple[Panel, ...]


def log_mel(waves: Tensor, sample_rate: int) -> Tensor:
    """`[B, T]` to `[B, MELS, frames]` in dB, to no lower than `RANGE_DB` below each row's peak."""
    mel = torchaudio.transforms.MelSpectrogram(sample_rate, n_fft=FFT_SIZE, hop_length=HOP, n_mels=MELS)
    decibel = 10 * mel(waves).clamp_min(1e-10).log10()
    return torch.maximum(decibel, decibel.amax(dim=(1, 2), keepdim=True) - RANGE_DB)


def draw_page(rows: Sequence[Row], path: Path) -> Path:
    """Draw the rows, two abreast, and write the page as PNG."""
    lines = math.ceil(len(rows) / COLUMNS)
    size = (COLUMNS * CELL_INCHES[0], lines * CELL_INCHES[1] + HEAD_INCHES)
    page = Figure(figsize=size, dpi=DPI, facecolor="white")
    FigureCanvasAgg(page)
    head, body = page.subfigures(2, 1, squeeze=False, height_ratios=[HEAD_INCHES, size[1] - HEAD_INCHES]).ravel()
    head.text(0.012, 0.35, "Augmentations", size=19, weight="bold", color=INK)
    note = f"log-mel spectrograms, kHz over seconds; black is {RANGE_DB:g} dB below the peak of a row"
    head.text(0.9875, 0.37, note, size=10, color=FAINT, ha="right")
    cells = body.subfigures(lines, COLUMNS, squeeze=False).ravel()
    for cell, row in zip(cells, rows, strict=False):  # the last line may have a free place
        _draw_row(cell, row)
    page.savefig(path)
    return path


def _draw_row(cell: SubFigure, row: Row) -> None:
    cell.text(0.025, 0.92, row.title, size=13, weight="bold", color=INK)
    cell.text(0.975, 0.925, row.settings, size=9, color=FAINT, ha="right")
    has_waves = row.panels[0].wave is not None
    heights = [1, 2.1] if has_waves else [1]
    grid = cell.subplots(
        len(heights),
        len(row.panels),
        squeeze=False,
        gridspec_kw={
            "height_ratios": heights,
            "left": 0.065,
            "right": 0.975,
            "top": 0.82,
            "bottom": 0.11,
            "wspace": 0.05,
            "hspace": 0.06,
        },
    )
    peak = max(float(panel.spec.max()) for panel in row.panels)
    loudest = max((float(np.abs(panel.wave).max()) for panel in row.panels if panel.wave is not None), default=1)
    colours = WAVE_COLOURS[-len(row.panels) :]
    for column, (panel, colour) in enumerate(zip(row.panels, colours, strict=True)):
        grid[0, column].set_title(panel.caption, size=9, color=FAINT, pad=3)
        if panel.wave is not None:
            _draw_wave(grid[0, column], panel.wave, panel.sample_rate, loudest, colour)
        _draw_spec(grid[-1, column], panel, peak, labels=column == 0)


def _draw_wave(axes: Axes, wave: NDArray[np.float32], sample_rate: int, loudest: float, colour: str) -> None:
    seconds = np.arange(len(wave)) / sample_rate
    axes.plot(seconds, wave, color=colour, linewidth=0.4, rasterized=True)
    axes.set_xlim(0, len(wave) / sample_rate)
    axes.set_ylim(-1.05 * (loudest or 1), 1.05 * (loudest or 1))
    axes.axis("off")


def _draw_spec(axes: Axes, panel: Panel, peak: float, *, labels: bool) -> None:
    frame = HOP / panel.sample_rate
    band = _mel(panel.sample_rate / 2) / (MELS + 1)  # bands are centred on 1, 2, … MELS times this
    frames = panel.spec.shape[1]
    axes.imshow(
        panel.spec,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=MAP,
        vmin=peak - RANGE_DB,
        vmax=peak,
        extent=(-frame / 2, (frames - 0.5) * frame, band / 2, (MELS + 0.5) * band),
    )
    axes.set_xlim(0, (frames - 1) * frame)
    ticks = [khz for khz in TICKS_KHZ if khz * 1000 <= panel.sample_rate / 2]
    axes.set_yticks([min(_mel(1000 * khz), (MELS + 0.5) * band) for khz in ticks], [f"{k:g}" for k in ticks])
    axes.tick_params(labelsize=8, labelcolor=FAINT, color=FAINT, length=2.5, width=0.6, labelleft=labels)
    axes.spines[:].set_visible(False)


def _mel(hertz: float) -> float:
    """The mel scale that torchaudio's filter bank uses by default (HTK's)."""
    return 2595 * math.log10(1 + hertz / 700)
