"""The trade-off as a picture: requests per second against latency, a line for each candidate, a point a load."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from benchmarks.plots import LIMIT, OTHERS, OURS, picture, plain_numbers
from benchmarks.tuning.choice import Measured, Tuned
from benchmarks.tuning.grid import name_of

_DEFAULT = "#333333"


def draw(tuned: Tuned, file: Path) -> None:
    """Once against the median, once against what 99 % keep to."""
    with picture(file, width=11, columns=2) as (left, right):
        for axes, percent in ((left, "p50_ms"), (right, "p99_ms")):
            for one in sorted(tuned.measured, key=lambda one: one in (tuned.default, tuned.chosen)):
                _draw_one(axes, one, percent, tuned)
            axes.set_xscale("log")
            plain_numbers(axes.xaxis)
            axes.set_xlabel(f"{percent.removesuffix('_ms')} (ms)")
            axes.set_ylabel("requests answered per second")
            axes.set_ylim(bottom=0)
        if tuned.goal.p99_ms is not None:
            right.axvline(tuned.goal.p99_ms, color=LIMIT, linestyle="--", linewidth=1)
        left.legend(frameon=False, loc="lower right")


def _draw_one(axes: Axes, one: Measured, percent: str, tuned: Tuned) -> None:
    look, label = _look_of(one, tuned)
    if label in axes.get_legend_handles_labels()[1]:
        label = "_"  # said once for all of its kind
    points = one.points
    axes.plot([getattr(point, percent) for point in points], [point.per_s for point in points], label=label, **look)
    best = one.best(tuned.goal.p99_ms) if tuned.goal.name == "throughput" else points[0]
    if one is tuned.chosen and best:
        axes.plot(getattr(best, percent), best.per_s, "o", markersize=13, markerfacecolor="none", color=OURS)


def _look_of(one: Measured, tuned: Tuned) -> tuple[dict[str, Any], str]:
    """The chosen one in colour, the default dark, the others as faint as they matter."""
    name = name_of(one.tuning, on_gpu=tuned.on_gpu)
    if one is tuned.chosen:
        return {"color": OURS, "marker": "o", "linewidth": 2}, f"{name}: chosen"
    if one is tuned.default:
        return {"color": _DEFAULT, "marker": "s", "linewidth": 1.5}, f"{name}: default"
    is_left = one in tuned.left
    label = "measured to the end" if is_left else "left out after the first round"
    return {"color": OTHERS[0], "marker": ".", "linewidth": 1, "alpha": 0.8 if is_left else 0.25}, label
