"""The pictures of `earshot bench load`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from benchmarks.page import Picture
from benchmarks.plots import LIMIT, OTHERS, OURS, picture, plain_numbers
from benchmarks.rates.ladder import Step
from benchmarks.rates.rounds import Found
from benchmarks.rates.rows import Row, capacity_of, knee_of, ladder, urgent

_QUANTILES: tuple[tuple[str, Callable[[Step], float], float], ...] = (
    ("p50", lambda one: one.p50_ms, 0.35),
    ("p95", lambda one: one.p95_ms, 0.6),
    ("p99", lambda one: one.p99_ms, 1.0),
)
_HEADROOM = 1.5
"""Of the capacity, to which the axis of answers goes: there is nothing above."""


def draw(found: Found, folder: Path) -> list[Picture]:
    """Latency, and what becomes of requests, against the rate at which they are offered."""
    with picture(folder / "load-latency.png") as (axes,):
        _latency(axes, found)
    with picture(folder / "load-goodput.png", width=11.0, columns=2) as (rates, shares):
        _goodput(rates, found)
        _fates(shares, found)
    return [
        Picture(
            "load-latency.png",
            "Latency percentiles of right answers against the offered rate, with the knee and the bound",
        ),
        Picture(
            "load-goodput.png",
            "Answers per second and shares in time, late or unanswered, and refused against the offered rate",
        ),
    ]


def _latency(axes: Axes, found: Found) -> None:
    rows, rates = ladder(found), _rates(ladder(found))
    for name, figure, strength in _QUANTILES:
        axes.plot(rates, [row.median(figure) for row in rows], "o-", color=OURS, alpha=strength, label=name, ms=4)
    p99 = [[one.p99_ms for one in row.steps] for row in rows]
    axes.fill_between(rates, list(map(min, p99)), list(map(max, p99)), color=OURS, alpha=0.12, linewidth=0)
    axes.axhline(found.slo_ms, color=LIMIT, linestyle="--", linewidth=1, label=f"bound, {found.slo_ms:.1f} ms")
    _finish(axes, found, "Latency of right answers at given rates; the band spans the p99 of the rounds")
    axes.set(yscale="log", ylabel="ms since the request was due")
    plain_numbers(axes.yaxis)


def _goodput(axes: Axes, found: Found) -> None:
    rows, hurried = ladder(found), urgent(found)

    def line(name: str, figure: Callable[[Step], float], of: Sequence[Row], style: str, color: str) -> None:
        axes.plot(_rates(of), [row.median(figure) for row in of], style, color=color, label=name, ms=4)

    axes.plot(_rates(rows), _rates(rows), ":", color=OTHERS[0], linewidth=1, label="all that is offered")
    line("answered rightly", lambda one: one.answered_per_s, rows, "o-", OURS)
    line("in time", lambda one: one.in_time_per_s, rows, "s--", OURS)
    if hurried:
        line("in time, where requests say by when", lambda one: one.in_time_per_s, hurried, "D-", OTHERS[3])
    _finish(axes, found, "Goodput")
    axes.set(ylabel="per second", ylim=(0, _HEADROOM * max(capacity_of(found), *_answered(rows))))


def _fates(axes: Axes, found: Found) -> None:
    rows = ladder(found)
    in_time = [row.median(lambda one: one.in_time) for row in rows]
    refused = [row.median(lambda one: one.refused) for row in rows]
    wrong = [row.errors / sum(one.requests for one in row.steps) for row in rows]
    late = [max(0.0, 1 - sum(others)) for others in zip(in_time, refused, wrong, strict=True)]
    axes.stackplot(
        _rates(rows), in_time, late, refused, wrong, labels=("in time", "late or unanswered", "refused", "error"),
        colors=(OURS, OTHERS[1], OTHERS[2], LIMIT), alpha=0.8,
    )  # fmt: skip
    _finish(axes, found, "What becomes of them")
    axes.set(ylabel="share of requests", ylim=(0, 1))


def _finish(axes: Axes, found: Found, title: str) -> None:
    knee, capacity = knee_of(found), capacity_of(found)
    axes.axvline(knee, color=LIMIT, linewidth=1, label=f"knee, {knee:.0f}/s")
    axes.axvline(capacity, color=OTHERS[0], linewidth=1, label=f"full load, {capacity:.0f}/s")
    axes.set(xscale="log", xlabel="requests offered per second")
    plain_numbers(axes.xaxis)
    axes.set_title(title, loc="left", fontsize=10)
    axes.legend(fontsize=8, framealpha=0.8, edgecolor="none")


def _rates(rows: Sequence[Row]) -> list[float]:
    return [row.offered_per_s for row in rows]


def _answered(rows: Sequence[Row]) -> list[float]:
    return [row.median(lambda one: one.answered_per_s) for row in rows]
