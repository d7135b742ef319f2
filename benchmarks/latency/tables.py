"""What was found, as tables."""

from collections.abc import Iterator

from benchmarks.latency.floors import NAN
from benchmarks.latency.peaks import COPIES
from benchmarks.latency.results import Found, Latencies, Place, Timings
from benchmarks.page import Cell, Table
from benchmarks.series import gathered
from export.part import FRONT_END, NETWORK, WHOLE, Part

_G, _M = 1e9, 1e6
_DEVICES = {False: "processor", True: "GPU"}


def at_smallest(all_: Latencies) -> Table:
    """One line for each engine, at the smallest batch: what a lone request meets."""
    batch = all_.order.pace.batches[0]
    head = (
        "engine", "p50 ms", "95 % interval", "p95", "p99", "clips/s", "× real time", "front end ms", "network ms",
        "floor ms", "p50 ÷ floor",
    )  # fmt: skip
    rows: list[list[Cell]] = []
    for one in all_.found:
        if timings := one.at(WHOLE, batch):
            parts = [p50(one, part, batch) for part in (FRONT_END, NETWORK)]
            rows.append([one.engine.title, *_latency(all_, timings, batch), *parts, *_floor(all_, one, WHOLE, batch)])
    return Table(head, rows)


def by_batch(all_: Latencies) -> Table:
    """Every engine at every batch, waveform to scores."""
    has_gpu = any(one.engine.gpu for one in all_.found)
    head = ["engine", "batch", "p50 ms", "95 % interval", "p95", "p99", "clips/s", "× real time"]
    width = len(head) + 2 + has_gpu
    rows: list[list[Cell]] = []
    for one in all_.found:
        for batch in one.batches():
            timings = one.timings[Place(WHOLE, batch)]
            cells: list[Cell] = [one.engine.title, batch, *_latency(all_, timings, batch)]
            cells += [timings.device_p50] if has_gpu else []
            rows.append([*cells, *_floor(all_, one, WHOLE, batch)])
        rows += [[one.engine.title, batch, *[None] * (width - 2)] for batch in one.too_slow]
    return Table([*head, *(["p50 by GPU clock"] if has_gpu else []), "floor ms", "p50 ÷ floor"], rows)


def left_out(all_: Latencies) -> Iterator[str]:
    """What stands as a dash, and why."""
    for one in all_.found:
        for batch, seconds in one.too_slow.items():
            yield f"{one.engine.title} is left out from batch {batch} on: one run takes {seconds:.1f} s."


def costs(all_: Latencies) -> Table:
    """What each engine takes before it answers, and what its answers are worth."""
    head = (
        "engine", "precision", "load ms", "compile s", "library MB", "model MB", "largest batch MB", "accuracy %",
        "measured by", "as PyTorch %",
    )  # fmt: skip
    rows: list[list[Cell]] = []
    for one in all_.found:
        cost, accuracy = one.cost, one.accuracy
        compiled = ", ".join(f"{seconds:.0f} at {batch}" for batch, seconds in sorted(cost.compile_s.items()))
        rows.append([
            one.engine.title, one.engine.precision, cost.load_ms, compiled or None, cost.library_mb, cost.loaded_mb,
            f"{cost.batch_mb:.0f} at {cost.largest}", percent(accuracy.share if accuracy else None),
            accuracy.whose if accuracy else None, percent(one.agreement),
        ])  # fmt: skip
    return Table(head, rows)


def apart(all_: Latencies) -> Table:
    """Both parts, each with its own floor."""
    head = (
        "engine",
        "batch",
        *(f"{part}{what}" for part in (FRONT_END, NETWORK) for what in (" ms", " floor", " ÷ floor")),
    )
    rows: list[list[Cell]] = []
    for one in all_.found:
        for batch in one.batches():
            if one.at(FRONT_END, batch):
                cells = [[p50(one, part, batch), *_floor(all_, one, part, batch)] for part in (FRONT_END, NETWORK)]
                rows.append([one.engine.title, batch, *cells[0], *cells[1]])
    return Table(head, rows)


def floor(all_: Latencies) -> Table:
    """What the machine can do, and what the graphs ask of it."""
    return Table(("what", "how much", "of what"), [*_peak_rows(all_), *_work_rows(all_)])


def not_here(all_: Latencies) -> Table:
    """Engines and why there is nothing to say of them."""
    return Table(
        ("engine", "name", "why"), [(one.engine.title, one.engine.name, one.sentence) for one in all_.absent]
    )


def _peak_rows(all_: Latencies) -> Iterator[tuple[Cell, ...]]:
    for gpu, peaks in all_.peaks.items():
        for name, per_s in peaks.per_s.items():
            unit = "GB/s copied, read and written" if name in COPIES.values() else "G multiply-accumulates/s"
            yield f"{_DEVICES[gpu]}, {name}", per_s / _G, unit


def _work_rows(all_: Latencies) -> Iterator[tuple[Cell, ...]]:
    graphs = {one.engine.graph: one.works for one in all_.found}
    for graph, works in graphs.items():
        for part, work in works.items():
            for precision, macs in work.macs.items():
                yield f"{graph}, {part}, {precision}", macs / _M, "M multiply-accumulates per clip"
            yield f"{graph}, {part}, weights", work.weight_bytes / _M, "MB per batch"
            yield f"{graph}, {part}, values", work.value_bytes / _M, "MB per clip"


def _latency(all_: Latencies, timings: Timings, batch: int) -> list[Cell]:
    low, high = gathered("", "ms", "lower", timings.medians).interval
    per_s = 1000 * batch / timings.p50
    tail: list[Cell] = [timings.percentile(percent) for percent in (95, 99)]
    return [timings.p50, f"{low:.3g} to {high:.3g}", *tail, per_s, per_s * all_.window_s]


def _floor(all_: Latencies, one: Found, part: Part, batch: int) -> list[Cell]:
    least = all_.floor_ms(one, part, batch)
    return [least, p50(one, part, batch) / least]


def p50(one: Found, part: Part, batch: int) -> float:
    """No number where it was not timed."""
    timings = one.at(part, batch)
    return timings.p50 if timings else NAN


def percent(share: float | None) -> str | None:
    """With the digits that engines differ by."""
    return None if share is None else f"{100 * share:.2f}"
