"""Pictures of spectrograms, confusion matrices and curves, drawn the same wherever they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.frontend import FrontEndConfig, mel_centres
from training.recipe import Recipe

MOST_CLASSES = 60
"""In a confusion matrix; with more of them it is a grey square."""

_FREQUENCY_TICKS_HZ = (100, 500, 1000, 2000, 4000, 8000, 16000)


@dataclass(frozen=True)
class Curve:
    """What was seen at each look at clips that are not learned from."""

    steps: tuple[int, ...]
    accuracy: tuple[float, ...]
    loss: tuple[float, ...]


def spectrogram_picture(decibels: NDArray[np.float32], recipe: Recipe, title: str) -> Figure:
    """A mel spectrogram [bands, frames] with true axes."""
    figure = _figure(5.6, 2.8)
    axes = figure.add_subplot()
    seconds = decibels.shape[1] * recipe.front_end.hop / recipe.audio.sample_rate
    image = axes.imshow(decibels, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, len(decibels)))
    ticks, names = _frequency_ticks(recipe.front_end)
    axes.set_yticks(ticks, names)
    axes.set_xlabel("s")
    axes.set_ylabel("Hz")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, label="dB")
    return figure


def confusion_picture(confusion: NDArray[np.int64], labels: tuple[str, ...]) -> Figure:
    """Rows are what the clips are, columns what they were taken for; each row sums to one."""
    side = 2.5 + 0.17 * len(labels)
    figure = _figure(side, side)
    axes = figure.add_subplot()
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    for row, column in zip(*np.nonzero(confusion), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(confusion[row, column]), ha="center", va="center", fontsize=5, color=colour)
    return figure


def curves_picture(curves: Mapping[int, Curve]) -> Figure:
    """Accuracy and loss by step, one line for each fold; what counts is the last point."""
    figure = _figure(8, 3)
    left, right = figure.subplots(1, 2)
    for fold, curve in curves.items():
        accuracy = 100 * np.asarray(curve.accuracy)
        left.plot(curve.steps, accuracy, label=f"fold {fold}: {accuracy[-1]:.2f} %")
        right.plot(curve.steps, curve.loss, label=f"fold {fold}: {curve.loss[-1]:.3f}")
    for axes, name in ((left, "accuracy, %"), (right, "loss")):
        axes.set_xlabel("step")
        axes.set_title(f"held out: {name}", fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return figure


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def _frequency_ticks(config: FrontEndConfig) -> tuple[list[float], list[str]]:
    centres = mel_centres(config)
    inside = [hz for hz in _FREQUENCY_TICKS_HZ if centres[0] <= hz <= centres[-1]]
    places = np.interp(inside, centres, np.arange(len(centres)) + 0.5)
    return places.tolist(), [f"{hz}" for hz in inside]
