"""What a person at a terminal sees: the same figures in tables that are narrow, engines by their short names."""

from collections.abc import Callable, Iterator

from benchmarks.latency.floors import NAN
from benchmarks.latency.results import Found, Latencies, Timings
from benchmarks.latency.tables import left_out, p50, percent
from benchmarks.page import Cell, Table
from export.part import FRONT_END, NETWORK, WHOLE


def tables(all_: Latencies) -> Iterator[tuple[str, Table]]:
    """Each with its title."""
    batches = all_.order.pace.batches
    yield f"batch {batches[0]}, ms", _smallest(all_, batches[0])
    if len(batches) > 1:
        yield "p50 by batch, ms", _by_batch(all_, lambda timings, _: timings.p50)
        yield "clips per second by batch", _by_batch(all_, lambda timings, batch: 1000 * batch / timings.p50)
        yield "p50 by batch ÷ floor", _over_floor(all_)
    yield "to begin with, and answers in %", _costs(all_)


def sentences(all_: Latencies) -> Iterator[str]:
    """What belongs to the tables."""
    yield f"seconds of sound per second: clips per second × {all_.window_s:g}; agree: with PyTorch, on forty clips"
    for whose in sorted({one.accuracy.whose for one in all_.found if one.accuracy}):
        yield f"right answers: {whose}"
    yield from left_out(all_)
    for absent in all_.absent:
        yield f"{absent.engine.name}: {absent.sentence}"


def _smallest(all_: Latencies, batch: int) -> Table:
    rows: list[list[Cell]] = []
    for one in all_.found:
        if timings := one.at(WHOLE, batch):
            tails: list[Cell] = [timings.p50, timings.percentile(95), timings.percentile(99)]
            parts: list[Cell] = [p50(one, FRONT_END, batch), p50(one, NETWORK, batch)]
            least = all_.floor_ms(one, WHOLE, batch)
            rows.append([one.engine.name, *tails, *parts, least, timings.p50 / least])
    return Table(("engine", "p50", "p95", "p99", "front", "net", "floor", "÷ floor"), rows)


def _by_batch(all_: Latencies, figure: Callable[[Timings, int], float]) -> Table:
    batches = all_.order.pace.batches

    def cell(one: Found, batch: int) -> float:
        timings = one.at(WHOLE, batch)
        return figure(timings, batch) if timings else NAN

    rows: list[list[Cell]] = [[one.engine.name, *(cell(one, batch) for batch in batches)] for one in all_.found]
    return Table(("engine", *map(str, batches)), rows)


def _over_floor(all_: Latencies) -> Table:
    batches = all_.order.pace.batches
    rows: list[list[Cell]] = [
        [one.engine.name, *(p50(one, WHOLE, batch) / all_.floor_ms(one, WHOLE, batch) for batch in batches)]
        for one in all_.found
    ]
    return Table(("engine", *map(str, batches)), rows)


def _costs(all_: Latencies) -> Table:
    rows: list[list[Cell]] = []
    for one in all_.found:
        cost = one.cost
        shares = [percent(one.accuracy.share if one.accuracy else None), percent(one.agreement)]
        compiled = sum(cost.compile_s.values()) or None
        rows.append([one.engine.name, cost.load_ms, compiled, cost.loaded_mb, cost.batch_mb, *shares])
    head = ("engine", "load ms", "compile s", "model MB", "batch MB", "right", "agree")
    return Table(head, rows)
