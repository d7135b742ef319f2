"""How fast the service is, and what it costs, beside the bare engine: several rounds in turn, and their medians."""

from dataclasses import asdict
from typing import Any

from benchmarks.bench import Bench
from benchmarks.levels import Level, Round, Start
from benchmarks.promises import judged
from benchmarks.report import Report, Say
from benchmarks.served import Served
from benchmarks.subject import Subject

SATURATING = (32, 64)
"""Connections: four and eight times the largest batch."""

OVERLOAD = 4
"""Times what the service can answer."""

RAW_SHARE = 0.15
"""Of a load's time, for which the bare engine is measured at each of two batch sizes: its average settles sooner."""


def measure(subject: Subject, seconds: float, rounds: int, starts: int, say: Say) -> Report:
    """Start it again and again, then load it again and again."""
    begun = [_started(subject, number, starts, say) for number in range(1, starts + 1)]
    done = [_round(subject, seconds, f"round {number} of {rounds}: ", say) for number in range(1, rounds + 1)]
    setup: dict[str, Any] = subject.facts | {"seconds": seconds, "rounds": rounds, "starts": starts}
    details = {"starts": [asdict(start) for start in begun], "rounds": [asdict(one) for one in done]}
    return Report(f"the service, medians of {rounds} rounds", judged(begun, done), setup, details)


def _started(subject: Subject, number: int, starts: int, say: Say) -> Start:
    with Served(subject.serve_flags, subject.server | subject.client) as served:
        ready_s = served.wait_until_ready()
        held = served.memory()
        start = Start(ready_s, held.rss_bytes / 1e6, held.pss_bytes / 1e6, served.has_loaded("/torch/"))
    say(f"start {number} of {starts}: ready after {ready_s:.2f} s")
    return start


def _round(subject: Subject, seconds: float, prefix: str, say: Say) -> Round:
    def told(level: Level) -> Level:
        say(f"{prefix}{described(level)}")
        return level

    raw_s = seconds * RAW_SHARE
    with Bench(subject, subject.server, subject.client, raw_s) as bench:
        lone = told(bench.closed("lone", 1, seconds))
        saturated = [told(bench.closed(f"{count} connections", count, seconds)) for count in SATURATING]
        capacity = max(level.good_per_s for level in saturated)
        overload = told(bench.opened(f"{OVERLOAD} times too much", OVERLOAD * capacity, seconds))
        rss_after_mb = bench.served.memory().rss_bytes / 1e6
    cores, shared = subject.server | subject.client, []
    if cores != subject.server:
        where = f"all of it on {len(cores)} cores"
        with Bench(subject, cores, cores, raw_s) as bench:
            shared = [told(bench.closed(f"{count} connections, {where}", count, seconds)) for count in SATURATING]
    return Round(lone, saturated, overload, shared, rss_after_mb)


def described(level: Level) -> str:
    """In a line, while the measurement goes on."""
    return (
        f"{level.name}: {level.good_per_s:.1f}/s, {level.share_of_engine:.3f} of the engine, "
        f"p50 {level.p50_ms:.1f} ms, p99 {level.p99_ms:.1f} ms, {level.errors} errors"
    )
