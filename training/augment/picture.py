"""The page of `render`: waveforms over mel spectrograms in decibels, with true axes.

Draws what it is given and computes no spectrum: that is the front end's. Uses matplotlib's objects alone; no
pyplot, no global state.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from contract.audio import Waveform
from training.frontend import FrontEndConfig, mel_centres
from training.recipe import Recipe

TICKS_HZ = (250, 1000, 4000, 16000)
COLUMNS, CELL_INCHES, DPI = 2, (8.0, 2.7), 110
HEAD_INCHES = 0.6
GRID = {"left": 0.065, "right": 0.975, "top": 0.82, "bottom": 0.11, "wspace": 0.05, "hspace": 0.06}
WAVE_COLOURS = ("#8a8f98", "#8a8f98", "#c2410c")
"""What was there is grey, what became of it is not."""
INK, FAINT = "#1f2328", "#6b7280"
MAP = "magma"


@dataclass(frozen=True, eq=False)
class Panel:
    """One sound, or one spectrogram."""

    caption: str
    spec: NDArray[np.float32]
    """Mel energies in dB, `[n_mels, frames]`."""
    wave: Waveform | None = None


@dataclass(frozen=True)
class Row:
    """What one transform does: panels from before to after."""

    title: str
    settings: str
    panels: tuple[Panel, ...]


def draw_page(rows: Sequence[Row], recipe: Recipe, path: Path) -> Path:
    """Draw the rows, two abreast, and write the page as PNG."""
    lines = math.ceil(len(rows) / COLUMNS)
    size = (COLUMNS * CELL_INCHES[0], lines * CELL_INCHES[1] + HEAD_INCHES)
    page = Figure(figsize=size, dpi=DPI, facecolor="white")
    FigureCanvasAgg(page)
    head, body = page.subfigures(2, 1, squeeze=False, height_ratios=[HEAD_INCHES, size[1] - HEAD_INCHES]).ravel()
    head.text(0.012, 0.35, "Augmentations", size=19, weight="bold", color=INK)
    head.text(0.9875, 0.37, _note(recipe), size=10, color=FAINT, ha="right")
    cells = body.subfigures(lines, COLUMNS, squeeze=False).ravel()
    for cell, row in zip(cells, rows, strict=False):  # the last line may have a free place
        _draw_row(cell, row, recipe)
    page.savefig(path)
    return path


def _note(recipe: Recipe) -> str:
    front_end = recipe.front_end
    what = f"{recipe.name}: {front_end.n_mels} mel bands"
    if front_end.kind == "mfcc":
        what += f", in place of the {front_end.n_mfcc} cepstral coefficients that the model sees and masks"
    return f"{what}; kHz over seconds; black is {front_end.floor_db:g} dB, the front end's floor"


def _draw_row(cell: SubFigure, row: Row, recipe: Recipe) -> None:
    cell.text(0.025, 0.92, row.title, size=13, weight="bold", color=INK)
    cell.text(0.975, 0.925, row.settings, size=9, color=FAINT, ha="right")
    waves = [panel.wave for panel in row.panels if panel.wave is not None]
    heights = [1, 2.1] if waves else [1]
    grid = cell.subplots(
        len(heights), len(row.panels), squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights, **GRID}
    )
    peak = max(float(panel.spec.max()) for panel in row.panels)
    loudest = max((float(np.abs(wave).max()) for wave in waves), default=0.0)
    colours = WAVE_COLOURS[-len(row.panels) :]
    for column, (panel, colour) in enumerate(zip(row.panels, colours, strict=True)):
        grid[0, column].set_title(panel.caption, size=9, color=FAINT, pad=3)
        if panel.wave is not None:
            _draw_wave(grid[0, column], panel.wave, recipe.audio.sample_rate, loudest, colour)
        _draw_spec(grid[-1, column], panel.spec, recipe, peak)
        grid[-1, column].tick_params(labelleft=column == 0)


def _draw_wave(axes: Axes, wave: Waveform, sample_rate: int, loudest: float, colour: str) -> None:
    axes.plot(np.arange(wave.size) / sample_rate, wave, color=colour, linewidth=0.4, rasterized=True)
    axes.set_ylim(-1.05 * (loudest or 1), 1.05 * (loudest or 1))
    axes.axis("off")


def _draw_spec(axes: Axes, spec: NDArray[np.float32], recipe: Recipe, peak: float) -> None:
    """Frames stand where they lie in the sound; its end, less than a hop, that no frame reaches is not shown."""
    front_end, sample_rate = recipe.front_end, recipe.audio.sample_rate
    bands, frames = spec.shape
    margin = (front_end.n_fft - front_end.hop) / 2
    seconds = ((frames - 1) * front_end.hop + front_end.n_fft) / sample_rate
    axes.imshow(
        spec,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=MAP,
        vmin=front_end.floor_db,
        vmax=max(peak, front_end.floor_db + 1),
        extent=(margin / sample_rate, (margin + frames * front_end.hop) / sample_rate, -0.5, bands - 0.5),
    )
    axes.set_xlim(0, seconds)
    axes.set_yticks(*_frequency_ticks(front_end))
    axes.tick_params(labelsize=8, labelcolor=FAINT, color=FAINT, length=2.5, width=0.6)
    axes.spines[:].set_visible(False)


def _frequency_ticks(front_end: FrontEndConfig) -> tuple[list[float], list[str]]:
    """Places in bands, the lowest centred on 0, and names in kHz; the outermost edges stand at the picture's."""
    edges_and_centres = [front_end.fmin, *mel_centres(front_end), front_end.fmax]
    inside = [hertz for hertz in TICKS_HZ if front_end.fmin <= hertz <= front_end.fmax]
    places = np.interp(inside, edges_and_centres, np.arange(-1, front_end.n_mels + 1))
    return places.clip(-0.5, front_end.n_mels - 0.5).tolist(), [f"{hertz / 1000:g}" for hertz in inside]
