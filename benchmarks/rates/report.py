"""What `earshot bench load` says: tables for the terminal and the page, with the sentences that they need."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.kept import folder_for, keep
from benchmarks.page import Cell, Section, Table
from benchmarks.provenance import Provenance
from benchmarks.rates.ladder import CLIENT_SHARE, CONFIRMED_BY, LONGER, ONE_LATE_IN, STEP_DOWN, drained_s
from benchmarks.rates.plots import draw
from benchmarks.rates.rounds import OVERLOAD, SLO_TIMES, Found
from benchmarks.rates.rows import (
    LEAST_FOR_P999,
    Row,
    capacity_of,
    goodput_share,
    knee_of,
    ladder,
    offline_share,
    series_of,
    urgent,
)
from benchmarks.rates.scenarios import OFFLINE_CONNECTIONS, STREAMS, Scenario
from benchmarks.report import console, say_where, show_table

NAME = "load"

_LIKE_MLPERF = (
    "In the manner of the scenarios of MLPerf Inference, and no result of it. Alike: how requests come, which "
    "percentiles count, that latency counts from when a request was due, that arrivals are seeded. Unlike: seconds "
    "instead of ten minutes and no allowance for so few requests, sounds that go over HTTP instead of into the "
    "process, a bound of this service's own, and answers that are checked while they are timed instead of in a run "
    f"of their own. Offline sounds are offered as fast as they are taken ({OFFLINE_CONNECTIONS} at all times), since "
    "a service with a bounded queue would refuse most of thousands at once."
)

_COLUMNS = (
    "×: the rate as a share of the capacity. Percentiles are of right answers alone: beyond the capacity, of the "
    "requests that were let in and answered before the client left. In time: a right answer within the bound, as a "
    "share of all requests that were due; what is refused, fails or has no answer is not in time. Late: by how much "
    "the client was, p99. CPU: of the service, for each right answer. Latencies, late and CPU in ms. Where fewer "
    "than a hundred answers came in a round, its p99 is the slowest of them."
)


def finish(found: Found, setup: dict[str, Any], out: Path | None) -> None:
    """Show it, keep it, and say where."""
    origin = Provenance.here()
    folder = folder_for(origin, out)
    pictures = draw(found, folder)
    sections = [
        Section("In short", list(_in_short(found))),
        Section("Scenarios", [_LIKE_MLPERF, *_beside(found)], _scenarios(found)),
        Section("At given rates", [_how(found), _ends(found), _COLUMNS], _rates(found), pictures),
        *_hurried(found),
    ]
    details = {
        "setup": setup, "plan": asdict(found.plan), "serves": found.serves,
        "slo_ms": found.slo_ms, "capacity_per_s": found.capacity_per_s,
        "rounds": [one.as_json() for one in found.rounds],
    }  # fmt: skip
    keep(folder, NAME, f"Under load: {found.serves}", origin, sections, series_of(found), details)
    for section in sections:
        if section.table:
            show_table(_narrow(found) if section.pictures else section.table, section.heading)
    for sentence in [*_marks(found), *sections[0].text]:
        console.print(sentence, soft_wrap=True)
    say_where(folder, NAME)


def _in_short(found: Found) -> Iterator[str]:
    capacity, knee = capacity_of(found), knee_of(found)
    given = "as asked" if found.plan.slo_ms else f"{SLO_TIMES} times what a lone request takes"
    knees = [one.knee for one in found.rounds]
    low, high = min(one.per_s for one in knees), max(one.per_s for one in knees)
    confirmed = sum(one.is_confirmed for one in knees)
    yield (
        f"The knee is at {knee:.1f} requests per second ({low:.1f} to {high:.1f} over the rounds, confirmed by a "
        f"longer load in {confirmed} of {len(knees)}), {knee / capacity:.2f} of the "
        f"{capacity:.1f} that are answered at full load: up to there "
        f"{ONE_LATE_IN - 1} of {ONE_LATE_IN} requests have their right answer within {found.slo_ms:.1f} ms ({given})."
    )
    most = ladder(found)[-1]
    if most.share <= OVERLOAD:
        return
    answered = goodput_share(found, lambda one: one.ladder, lambda step: step.answered_per_s)
    in_time = goodput_share(found, lambda one: one.ladder, lambda step: step.in_time_per_s)
    hurried = goodput_share(found, lambda one: one.urgent, lambda step: step.in_time_per_s)
    yield (
        f"At {most.share:.1f} times what it can do, {answered:.2f} of the capacity is answered and {in_time:.2f} in "
        f"time; {hurried:.2f} in time where requests say by when they want their answer (`?timeout_ms=`)."
    )


def _how(found: Found) -> str:
    plan = found.plan
    return (
        f"Requests come at Poisson times (seed {plan.seed}), {plan.seconds:g} s at each rate, {plan.rounds} rounds "
        f"in turn; medians of the rounds, p99.9 of all rounds together where there were {LEAST_FOR_P999:,} answers. "
        "Latency counts from when a request was due, so neither a service that stalls nor a client that is late can "
        f"hide it. A row is marked where the client was late by more than {CLIENT_SHARE:.0%} of the p99."
    )


def _ends(found: Found) -> str:
    return (
        f"After each load answers are waited for {drained_s(found.slo_ms):.1f} s; requests that have none by then "
        "count as unanswered, and the next load begins when the service is idle again. The knee is looked for below "
        f"the first rate that fails, and confirmed by a load {LONGER[0]:g} to {LONGER[1]:g} times as long, for "
        f"{CONFIRMED_BY} requests if they come in that time; where that fails, {STEP_DOWN:g} of the rate is tried."
    )


def _scenarios(found: Found) -> Table:
    knees = [one.knee.per_s for one in found.rounds]
    shares = [offline_share(one) for one in found.rounds]
    always, bound = f"{OFFLINE_CONNECTIONS} at all times", f"per s, p99 ≤ {found.slo_ms:.1f} ms"
    single, multi, offline = (
        [getattr(one.scenarios, name) for one in found.rounds] for name in ("single", "multi", "offline")
    )
    return Table(("scenario", "requests", "figure", "median", "least", "most", "errors"), [
        ["single stream", "one after the other", "p90, ms", *_tails(single)],
        ["multi-stream", f"{STREAMS} at once, again and again", "p99 of the whole, ms", *_tails(multi)],
        ["server", "at Poisson times", bound, *_spread(knees), None],
        ["offline", always, "per s", *_spread([one.per_s for one in offline]), _errors(offline)],
        ["", "", "share of the bare engine", *_spread(shares), None],
    ])  # fmt: skip


def _beside(found: Found) -> Iterator[str]:
    drifts = [one.scenarios.raw_drift for one in found.rounds if one.scenarios.raw]
    if drifts:
        yield (
            "The bare engine was measured before offline and after, on the same cores; the share is of the mean. Its "
            f"two looks differed by up to {max(drifts):.0%}."
        )


def _tails(rounds: Sequence[Scenario]) -> list[Cell]:
    return [*_spread([one.tail_ms for one in rounds]), _errors(rounds)]


def _errors(rounds: Sequence[Scenario]) -> int:
    return sum(one.errors for one in rounds)


def _spread(values: Sequence[float]) -> list[Cell]:
    """Median, least and most."""
    return [median(values), min(values), max(values)]


def _rates(found: Found) -> Table:
    head = [
        "offered/s", "×", "p50", "p95", "p99", "p99.9", "right/s", "in time/s", "in time", "refused/s", "unanswered",
        "errors", "late", "CPU", "",
    ]  # fmt: skip
    return Table(head, [_rate(row) for row in ladder(found)])


def _rate(row: Row) -> list[Cell]:
    of = row.median
    return [
        row.offered_per_s, f"{row.share:.2f}", of(lambda one: one.p50_ms), of(lambda one: one.p95_ms),
        of(lambda one: one.p99_ms), row.p999_ms, of(lambda one: one.answered_per_s),
        of(lambda one: one.in_time_per_s), f"{of(lambda one: one.in_time):.1%}",
        of(lambda one: one.refused_per_s), row.unanswered, row.errors, of(lambda one: one.client_lag_ms),
        of(lambda one: one.server_cpu_ms), row.notes,
    ]  # fmt: skip


def _narrow(found: Found) -> Table:
    """As much of it as a terminal holds."""
    kept = ("offered/s", "×", "p50", "p99", "right/s", "in time", "refused/s", "unanswered", "errors")
    whole = _rates(found)
    places = [whole.head.index(name) for name in kept]
    return Table(kept, [[row[place] for place in places] for row in whole.rows])


def _marks(found: Found) -> Iterator[str]:
    """What stands behind the rows on the page."""
    return (f"at {row.offered_per_s:.1f}/s: {row.notes}" for row in ladder(found) if row.notes)


def _hurried(found: Found) -> list[Section]:
    rows = urgent(found)
    if not rows:
        return []
    head = [
        "offered/s",
        "×",
        "right/s",
        "in time/s",
        "of capacity",
        "p99",
        "refused/s",
        "refused in",
        "unanswered",
        "errors",
    ]
    text = (
        f"The same rates beyond the capacity, by requests that say `?timeout_ms={max(1, round(found.slo_ms))}`: what "
        "cannot be answered by then is refused at once instead of being answered too late. Of capacity: what is "
        "answered in time. Refused in: ms from when a request was sent until it was refused, p99."
    )
    return [Section("Overload, in a hurry", [text], Table(head, [_urgent(row) for row in rows]))]


def _urgent(row: Row) -> list[Cell]:
    of = row.median
    in_time = of(lambda one: one.in_time_per_s)
    return [
        row.offered_per_s, f"{row.share:.2f}", of(lambda one: one.answered_per_s), in_time,
        in_time / row.capacity_per_s, of(lambda one: one.p99_ms), of(lambda one: one.refused_per_s),
        of(lambda one: one.refused_p99_ms), row.unanswered, row.errors,
    ]  # fmt: skip
