"""The three pictures of a contest: what share of the engine reaches clients, how long one waits, what one costs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes

from benchmarks.levels import Level
from benchmarks.page import Picture
from benchmarks.peers.contest import FULL, LONE, Contest
from benchmarks.peers.contestants import OURS
from benchmarks.peers.figures import CPU, P50, SHARE, Figure
from benchmarks.plots import LIMIT, OTHERS, picture
from benchmarks.plots import OURS as OUR_COLOUR

_WIDTH, _ROW, _FRAME = 4.5, 0.34, 1.1
"""Inches: of a model, of a server, of what is around them."""


@dataclass(frozen=True)
class Chart:
    """A bar for each server, and a line where the bare engine is."""

    file: str
    shows: str
    connections: int
    figure: Figure[Level]
    engine: Callable[[Level], float]


CHARTS = (
    Chart("peers-throughput.png", f"throughput / bare engine, {FULL} connections", FULL, SHARE, lambda _: 1.0),
    Chart("peers-lone.png", "a lone request, p50 in ms", LONE, P50, lambda level: level.raw.engine_ms),
    Chart("peers-cpu.png", f"CPU ms a request, {FULL} connections", FULL, CPU, lambda level: level.raw.engine_cpu_ms),
)


def draw(contest: Contest, folder: Path) -> list[Picture]:
    """All of them, with a panel for each model."""
    models = contest.models
    for chart in CHARTS:
        height = _FRAME + _ROW * len(contest.servers)
        with picture(folder / chart.file, _WIDTH * len(models), height, columns=len(models)) as axes:
            for model, one in zip(models, axes, strict=True):
                _panel(one, chart, model, contest)
    return [Picture(chart.file, f"{chart.shows}; the red line is the bare engine") for chart in CHARTS]


def _panel(axes: Axes, chart: Chart, model: str, contest: Contest) -> None:
    rounds = {server: contest.of(model, server) for server in contest.servers}
    levels = {name: [bout.level(chart.connections) for bout in bouts] for name, bouts in rounds.items() if bouts}
    colours = [OUR_COLOUR if server == OURS else OTHERS[0] for server in levels]
    bars = axes.barh(list(levels), [chart.figure.median(found) for found in levels.values()], color=colours)
    axes.bar_label(bars, fmt="%.3g", padding=3)
    engine = median(chart.engine(level) for found in levels.values() for level in found)
    axes.axvline(engine, color=LIMIT, linewidth=1)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.margins(x=0.15)
    axes.set_title(f"{model}: {chart.shows}", fontsize=9)
