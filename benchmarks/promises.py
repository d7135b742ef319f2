"""What is promised of the service, and the figures that show whether it holds: the lines of its report."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import TypeVar

from benchmarks.levels import Level, MemoryUnderLoad, Refusals, Round, Start
from benchmarks.targets import Line

ADDED_MS = 1.5
"""That a lone request may take beyond engine and decoding."""
ADDED_CPU_MS = 1.0
"""That a request may cost beyond engine and decoding."""
SHARE_OF_ENGINE = 0.95
SHARE_OF_ENGINE_SHARED = 0.92
"""With the client on the same cores."""
STEADINESS = 1.3
"""Between the 99th percentile and the median under full load."""
GOODPUT = 0.9
"""Of the full load's throughput, when four times as much is asked for."""
REFUSAL_MS = 20.0
GROWTH = 0.05
"""Of memory while the load stays the same."""
START_S = 2.0
MEMORY_MB = 300.0

T = TypeVar("T")


def judged(starts: Sequence[Start], rounds: Sequence[Round]) -> list[Line]:
    """Medians over the rounds; errors are added up."""
    lines = _lone([one.lone for one in rounds])
    for same in zip(*(one.saturated for one in rounds), strict=True):
        lines += _full(same, SHARE_OF_ENGINE) + _cost(same)
    lines += _cost([one.lone for one in rounds])
    for same in zip(*(one.shared for one in rounds), strict=True):
        lines += _full(same, SHARE_OF_ENGINE_SHARED)
    lines += _overload(rounds)
    return lines + _start(starts, rounds)


def _lone(levels: Sequence[Level]) -> list[Line]:
    of = partial(median_of, levels)
    engine, decode = of(lambda level: level.raw.engine_ms), of(lambda level: level.raw.decode_ms)
    p50 = of(lambda level: level.p50_ms)
    beside = f"p50 {p50:.2f}, engine {engine:.2f}, decoding {decode:.2f}"
    return [
        Line("lone: p50 beyond engine and decoding", of(lambda level: level.added_ms), "ms", ADDED_MS, note=beside),
        Line("lone: p95", of(lambda level: level.p95_ms), "ms"),
        Line("lone: p99", of(lambda level: level.p99_ms), "ms", note=_foreign(levels)),
        _errors(levels),
    ]


def _full(levels: Sequence[Level], share: float) -> list[Line]:
    of, name = partial(median_of, levels), levels[0].name
    rate, raw = of(lambda level: level.good_per_s), of(lambda level: level.raw.clips_per_s)
    p50, p99 = of(lambda level: level.p50_ms), of(lambda level: level.p99_ms)
    beside = f"{rate:.1f}/s of {raw:.1f}/s; {_foreign(levels)}"
    steadiness = of(lambda level: level.p99_ms / level.p50_ms)
    return [
        Line(
            f"{name}: share of the bare engine", of(lambda level: level.share_of_engine), at_least=share, note=beside
        ),
        Line(f"{name}: p99 / p50", steadiness, at_most=STEADINESS, note=f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"),
        _errors(levels),
    ]


def _cost(levels: Sequence[Level]) -> list[Line]:
    of = partial(median_of, levels)
    total, engine = of(lambda level: level.server_cpu_ms), of(lambda level: level.raw.engine_cpu_ms)
    beside = f"all {total:.2f}, engine {engine:.2f}, decoding {of(lambda level: level.raw.decode_ms):.2f}"
    what = f"{levels[0].name}: CPU beyond engine and decoding"
    return [Line(what, of(lambda level: level.added_cpu_ms), "ms", ADDED_CPU_MS, note=beside)]


def _overload(rounds: Sequence[Round]) -> list[Line]:
    levels = [one.overload for one in rounds]
    name, of = levels[0].name, partial(median_of, levels)
    shares = [one.overload.good_per_s / max(level.good_per_s for level in one.saturated) for one in rounds]
    offered = of(lambda level: level.offered_per_s or 0.0)
    beside = f"{of(lambda level: level.good_per_s):.1f}/s of {offered:.0f}/s asked for; {_foreign(levels)}"
    return [
        Line(f"{name}: goodput / full load", median(shares), at_least=GOODPUT, note=beside),
        *_refused(name, [level.refusals for level in levels if level.refusals]),
        *_memory(name, [level.memory for level in levels if level.memory]),
        _errors(levels),
    ]


def _refused(name: str, found: Sequence[Refusals]) -> list[Line]:
    p50, most = median(one.p50_ms for one in found), max(one.max_ms for one in found)
    beside = f"p50 {p50:.2f}, max {most:.1f}, {sum(one.count for one in found)} refused"
    lag = median(one.client_lag_p99_ms for one in found)
    return [
        Line(f"{name}: refused within, p99", median(one.p99_ms for one in found), "ms", REFUSAL_MS, note=beside),
        Line(f"{name}: the client was late by, p99", lag, "ms"),
    ]


def _memory(name: str, found: Sequence[MemoryUnderLoad]) -> list[Line]:
    growth = median(one.growth for one in found) if found else float("nan")
    beside = "; ".join(
        f"{one.before_mb:.0f} before, {one.first_mb:.0f} to {one.last_mb:.0f}, peak {one.peak_mb:.0f} MB"
        for one in found[-1:]
    )
    return [Line(f"{name}: growth of memory", 100 * growth, "%", 100 * GROWTH, note=beside)]


def _start(starts: Sequence[Start], rounds: Sequence[Round]) -> list[Line]:
    beside = f"{len(starts)} starts, the slowest {max(start.ready_s for start in starts):.2f} s"
    pss = f"{median(start.pss_mb for start in starts):.0f} MB in proportion to what is shared"
    after = max(one.rss_after_mb for one in rounds)
    return [
        Line("start: ready after", median(start.ready_s for start in starts), "s", START_S, note=beside),
        Line("start: with PyTorch", sum(start.has_torch for start in starts), at_most=0),
        Line("memory when ready", median(start.rss_mb for start in starts), "MB", MEMORY_MB, note=pss),
        Line("memory after all loads", after, "MB", MEMORY_MB, note="the most of all rounds"),
    ]


def _errors(levels: Sequence[Level]) -> Line:
    asked = sum(level.requests for level in levels)
    return Line(
        f"{levels[0].name}: errors", sum(level.errors for level in levels), at_most=0, note=f"of {asked} requests"
    )


def _foreign(levels: Sequence[Level]) -> str:
    return f"others used {100 * median_of(levels, lambda level: level.foreign_cores):.0f} % of a core"


def median_of(found: Sequence[T], figure: Callable[[T], float]) -> float:
    """Of one figure of all of them."""
    return median(map(figure, found))
