"""Three pictures: what one clip costs, what batches gain, and what speed costs in accuracy."""

from math import sqrt
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from benchmarks.latency.results import Accuracy, Found, Latencies, Place, Timings
from benchmarks.latency.words import PICTURES
from benchmarks.plots import LIMIT, OTHERS, OURS, picture, plain_numbers
from benchmarks.series import gathered
from export.part import FRONT_END, NETWORK, WHOLE

_, _GREY, _OCHRE, _GREEN, _PLUM, _BRICK, _STEEL = OTHERS
_COLOURS = {
    "onnx-int8": OURS, "onnx-float32": _STEEL, "tensorrt": OURS, "tensorrt-rtx": _GREEN, "onnx-cuda": _STEEL,
    "torchaudio": _GREY, "torch": _BRICK, "torch-compile": _OCHRE,
    "torch-gpu": _GREY, "torch-gpu-half": _BRICK, "torch-gpu-compile": _OCHRE, "torch-cuda-graph": _PLUM,
}  # fmt: skip
_MARKS = {False: "o", True: "^"}
"""Of the processor and of the GPU."""

_FAR_APART = 20
"""Between the least and the most: beyond that, a straight scale would show nothing of the least."""
_SURE = 1.96
"""Deviations on both sides that hold 95 %."""


def draw(all_: Latencies, folder: Path) -> None:
    """All of them into this folder."""
    for file, drawing in zip(PICTURES, (_one_clip, _batches, _accuracy), strict=True):
        drawing(all_, folder / file)


def _one_clip(all_: Latencies, file: Path) -> None:
    """Bars for front end and network, a mark for the whole, and the floor."""
    batch = all_.order.pace.batches[0]
    groups = [[one for one in all_.found if one.engine.gpu is gpu and one.at(WHOLE, batch)] for gpu in (False, True)]
    shown = [group for group in groups if group]
    rows = max(map(len, shown))
    with picture(file, width=9.0 * len(shown), height=1.4 + 0.6 * rows, columns=len(shown)) as panels:
        for axes, group in zip(panels, shown, strict=True):
            for place, one in enumerate(group):
                _bar(axes, all_, one, place, batch)
            axes.set_yticks(range(len(group)), [one.engine.title for one in group])
            axes.invert_yaxis()
            axes.grid(visible=False, axis="y")
            axes.grid(axis="x", alpha=0.25)
            axes.set_xlim(0, 1.15 * axes.get_xlim()[1])  # room for words behind the bars
            axes.set_xlabel(f"ms for {_clips(batch)}, p50 (lower is better)")
            _legend(axes)


def _bar(axes: Axes, all_: Latencies, one: Found, place: int, batch: int) -> None:
    start = 0.0
    for part, colour in ((FRONT_END, _GREY), (NETWORK, OURS)):
        if timings := one.at(part, batch):
            axes.barh(place, timings.p50, left=start, height=0.55, color=colour, label=part)
            start += timings.p50
    whole = one.timings[Place(WHOLE, batch)]
    if not start:
        axes.barh(place, whole.p50, height=0.55, color=_OCHRE, label="whole, which is one piece")
    low, high = _interval(whole)
    spread = [[whole.p50 - low], [high - whole.p50]]
    axes.errorbar(
        whole.p50, place, xerr=spread, fmt="D", ms=5, color="black", capsize=3, label="whole, 95 % interval"
    )
    least = all_.floor_ms(one, WHOLE, batch)
    axes.plot([least, least], [place - 0.38, place + 0.38], color=LIMIT, lw=2.5, label="floor")
    axes.annotate(f"{whole.p50 / least:.1f} × floor", (max(start, high), place), (8, 0), textcoords="offset points",
                  va="center", fontsize=9, color="#444444")  # fmt: skip


def _batches(all_: Latencies, file: Path) -> None:
    """A line for each engine, its interval as a band."""
    with picture(file) as (axes,):
        for one in all_.found:
            batches, colour = one.batches(), _COLOURS[one.engine.name]
            timings = [(batch, one.timings[Place(WHOLE, batch)]) for batch in batches]
            low, high = zip(*([1000 * batch / ms for ms in _interval(each)] for batch, each in timings), strict=True)
            rates = [1000 * batch / each.p50 for batch, each in timings]
            axes.plot(batches, rates, marker=_MARKS[one.engine.gpu], ms=5, color=colour, label=one.engine.title)
            axes.fill_between(batches, low, high, color=colour, alpha=0.15, lw=0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(all_.order.pace.batches, list(map(str, all_.order.pace.batches)))
        axes.xaxis.set_minor_locator(NullLocator())
        _from_zero_or_by_powers(axes)
        axes.set_xlabel("clips at once")
        axes.set_ylabel("clips per second (higher is better)")
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _accuracy(all_: Latencies, file: Path) -> None:
    """A point for each engine: further to the right is faster, further up is right more often."""
    batch = all_.order.pace.batches[0]
    judged = [(one, one.accuracy) for one in all_.found if one.accuracy and one.at(WHOLE, batch)]
    with picture(file) as (axes,):
        for one, accuracy in judged:
            rate, title = 1000 * batch / one.timings[Place(WHOLE, batch)].p50, one.engine.title
            colour, mark = _COLOURS[one.engine.name], _MARKS[one.engine.gpu]
            axes.errorbar(
                rate, 100 * accuracy.share, _error(accuracy), fmt=mark, ms=9, color=colour, capsize=3, label=title
            )
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
        axes.margins(x=0.15)
        axes.set_xlabel(f"clips per second, batch {batch}")
        axes.set_ylabel("right answers, % (95 % interval)")
        axes.set_title("; ".join(sorted({accuracy.whose for _, accuracy in judged})), fontsize=9, loc="left")
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _from_zero_or_by_powers(axes: Axes) -> None:
    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in axes.get_lines()])
    if values.max() > _FAR_APART * values.min():
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
    else:
        axes.set_ylim(bottom=0)


def _legend(axes: Axes) -> None:
    """Each kind of mark once."""
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys(), frameon=False, fontsize=9, loc="lower right")


def _interval(timings: Timings) -> tuple[float, float]:
    return gathered("", "ms", "lower", timings.medians).interval


def _error(accuracy: Accuracy) -> float:
    return 100 * _SURE * sqrt(accuracy.share * (1 - accuracy.share) / accuracy.windows)


def _clips(batch: int) -> str:
    return "a lone clip" if batch == 1 else f"{batch} clips"
