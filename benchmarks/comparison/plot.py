"""The picture of a comparison: what differs stands outside the shaded noise."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from benchmarks.comparison.significance import Verdict
from benchmarks.comparison.verdicts import Comparison, Row
from benchmarks.plots import LIMIT, OTHERS, OURS, picture

MOST_ROWS = 40
"""Of more figures, those that differ most."""

_COLOURS = {Verdict.WORSE: LIMIT, Verdict.BETTER: OURS}
_ROW_INCHES, _FRAME_INCHES = 0.34, 1.1
_LEAST_SHOWN = 0.08
"""To either side of 1: where nothing differs, chance should not look large."""


def draw(comparison: Comparison, file: Path) -> None:
    """Ratios with their intervals, one row per figure, from the top."""
    rows = _drawn(comparison.rows)
    with picture(file, height=_FRAME_INCHES + _ROW_INCHES * len(rows)) as (axes,):
        axes.grid(visible=False)
        axes.axvspan(1 / (1 + comparison.noise), 1 + comparison.noise, color=OTHERS[1], alpha=0.25, lw=0)
        axes.axvline(1, color=OTHERS[0], lw=1)
        for place, row in enumerate(rows):
            _draw_row(axes, place, row)
        ends = [1 - _LEAST_SHOWN, 1 + _LEAST_SHOWN, *(end for row in rows for end in _interval(row))]
        margin = 0.03 * (max(ends) - min(ends))
        axes.set_xlim(min(ends) - margin, max(ends) + margin)
        axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [f"{row.before.name}, {row.before.better} is better" for row in rows])
        axes.set_xlabel(f"B as a multiple of A, with 95 % interval; shaded: noise of {100 * comparison.noise:g} %")


def _drawn(rows: Sequence[Row]) -> list[Row]:
    """As many as a reader takes in, in their own order; what has no ratio has no place."""
    placed = [row for row in rows if 0 < row.finding.ratio < math.inf]
    most = sorted(placed, key=lambda row: -abs(math.log(row.finding.ratio)))[:MOST_ROWS]
    return [row for row in placed if row in most]


def _draw_row(axes: Axes, place: int, row: Row) -> None:
    low, high = _interval(row)
    colour = _COLOURS.get(row.verdict, OTHERS[0])
    axes.hlines(place, low, high, color=colour, lw=2.5)
    axes.plot(row.finding.ratio, place, "o", color=colour)
    axes.annotate(
        f"{row.finding.ratio:.3f}  {row.verdict}", (1.01, place), xycoords=("axes fraction", "data"), va="center",
        color=colour, annotation_clip=False,
    )  # fmt: skip


def _interval(row: Row) -> tuple[float, float]:
    """A dot where there is none."""
    ends = (row.finding.low, row.finding.high)
    return ends if all(map(math.isfinite, ends)) else (row.finding.ratio, row.finding.ratio)
