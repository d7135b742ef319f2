"""What the load client itself can do on this machine: the same loads, on a server that does nothing but read.

Figures of a service mean something as long as they are far below these.
"""

import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import load
from benchmarks.answers import OK, Answers, percentile
from benchmarks.bench import requests_for
from benchmarks.kept import folder_for, keep
from benchmarks.levels import WARM_SHARE
from benchmarks.load import closed_loop, open_loop
from benchmarks.page import Section, Table
from benchmarks.processes import on_cpus
from benchmarks.provenance import Provenance
from benchmarks.rates.sink import LABEL, Sink
from benchmarks.report import Say, say_where, show_table
from benchmarks.series import Series, gathered
from benchmarks.subject import Subject

NAME = "client"
CONNECTIONS = (1, 8, 32)
RATES = (500.0, 1000.0, 2000.0, 3000.0, 4000.0)

_TEXT = (
    "Closed: each connection sends as soon as it has its answer. Open: at Poisson times, and latency counts from "
    "when a request was due; late is how much later the client sent it. The server throws bodies away in the kernel, "
    "unread. CPU is that of each process, per request."
)


@dataclass(frozen=True)
class Drive:
    """One load on the sink, in one round."""

    per_s: float
    p50_ms: float
    p99_ms: float
    lag_p50_ms: float
    lag_p99_ms: float
    client_cpu_us: float
    sink_cpu_us: float
    errors: int


def check(subject: Subject, seconds: float, rounds: int, out: Path | None, say: Say) -> None:
    """Drive it in all ways, in turn, and keep what it came to."""
    found: dict[str, list[Drive]] = {}
    with Sink(subject.server) as sink, on_cpus(subject.client):
        for number in range(1, rounds + 1):
            for name, drive in _drives(sink, subject, seconds):
                found.setdefault(name, []).append(drive)
                say(
                    f"round {number} of {rounds}: {name}: {drive.per_s:.0f}/s, client {drive.client_cpu_us:.0f} µs a "
                    f"request, late by {drive.lag_p99_ms:.2f} ms (p99), {drive.errors} errors"
                )
    _finish(found, subject, seconds, out)


def _drives(sink: Sink, subject: Subject, seconds: float) -> Iterator[tuple[str, Drive]]:
    requests = requests_for(subject.bodies, [LABEL] * len(subject.bodies))
    for count in CONNECTIONS:
        yield f"closed, {count} connections", _drive(sink, closed_loop(sink.port, requests, count, seconds), seconds)
    for rate in RATES:
        yield f"open, {rate:.0f} per s", _drive(sink, open_loop(sink.port, requests, rate, seconds), seconds)


def _drive(sink: Sink, made: Coroutine[Any, Any, Answers], seconds: float) -> Drive:
    own, others = time.process_time(), sink.cpu_seconds()
    answers = load.run(made)
    own, others = time.process_time() - own, sink.cpu_seconds() - others
    warm = seconds * WARM_SHARE
    counted = answers.due_between(warm, seconds)
    return Drive(
        per_s=answers.coded(OK).rate_between(warm, seconds),
        p50_ms=percentile(counted.latency_ms, 50), p99_ms=percentile(counted.latency_ms, 99),
        lag_p50_ms=percentile(counted.client_lag_ms, 50), lag_p99_ms=percentile(counted.client_lag_ms, 99),
        client_cpu_us=1e6 * own / len(answers), sink_cpu_us=1e6 * others / len(answers),
        errors=len(answers) - answers.count(OK),
    )  # fmt: skip


def _finish(found: dict[str, list[Drive]], subject: Subject, seconds: float, out: Path | None) -> None:
    origin = Provenance.here()
    folder = folder_for(origin, out)
    title = f"The load client by itself: bodies of {len(subject.bodies[0]):,} bytes"
    head = [
        "load", "requests/s", "p50 ms", "p99 ms", "late, p50 ms", "late, p99 ms", "client CPU µs", "sink CPU µs",
        "errors",
    ]  # fmt: skip
    table = Table(head, [_row(name, drives) for name, drives in found.items()])
    details = {"setup": subject.facts | {"seconds": seconds}, "rounds": {
        name: [asdict(one) for one in drives] for name, drives in found.items()
    }}  # fmt: skip
    series = [one for name, drives in found.items() for one in _series(name, drives)]
    keep(folder, NAME, title, origin, [Section("What it can do", [_TEXT], table)], series, details)
    show_table(table, title)
    say_where(folder, NAME)


def _row(name: str, drives: Sequence[Drive]) -> list[Any]:
    """Medians of the rounds; errors are added up."""
    columns = zip(*(astuple(one)[:-1] for one in drives), strict=True)
    return [name, *(float(median(column)) for column in columns), sum(one.errors for one in drives)]


def _series(name: str, drives: Sequence[Drive]) -> list[Series]:
    return [
        gathered(f"{name}/throughput", "1/s", "higher", (one.per_s for one in drives)),
        gathered(f"{name}/client CPU", "µs", "lower", (one.client_cpu_us for one in drives)),
    ]
