"""How requests come, in the manner of the scenarios of MLPerf Inference; what comes of it is no result of MLPerf.

Single stream and offline are closed loops of one and of many connections, and the server scenario is the search for
the knee (`ladder`). Multi-stream is here: eight sounds at once, and the next eight when all are answered.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answers import LOST, OK, UNREACHABLE, Answers, Seconds, percentile
from benchmarks.cost import Cost
from benchmarks.levels import WARM_SHARE
from benchmarks.load import REOPEN_S, Client, Request
from benchmarks.rates.places import Place
from benchmarks.raw import RawFigures
from benchmarks.wire import HOST

STREAMS = 8
"""Sounds in a query of the multi-stream scenario."""

OFFLINE_CONNECTIONS = 64
"""So many always wait that no engine is ever idle, and not so many that some are refused, as a rule."""

PAUSE_S = 0.1
"""Where some are: a client that asked again at once would measure how fast the service refuses."""


@dataclass(frozen=True)
class Scenario:
    """What one of them came to, in one round."""

    requests: int
    errors: int
    p50_ms: float
    tail_ms: float
    """The percentile that MLPerf takes: 90 of single stream, 99 of multi-stream."""
    per_s: float
    """Sounds that were answered rightly."""
    server_cpu_ms: float


@dataclass(frozen=True)
class Scenarios:
    """Those that need no search."""

    single: Scenario
    multi: Scenario
    offline: Scenario
    raw: RawFigures | None = None
    """The bare engine, before the last one and after; None where it is not known."""
    raw_drift: float = float("nan")
    """By which share it was faster in one of the two looks than in the other."""


def play(place: Place, seconds: float) -> Scenarios:
    """Each once, one after the other."""
    single, multi = single_stream(place, seconds), _multi_stream(place, seconds)
    before, full, after = place.raw(), offline(place, seconds), place.raw()
    if before is None or after is None:
        return Scenarios(single, multi, full)
    return Scenarios(single, multi, full, before.mean_with(after), before.drift_to(after))


def single_stream(place: Place, seconds: float) -> Scenario:
    """One sound after the other."""
    answers, cost = place.closed(1, seconds)
    return _scenario(answers, cost, seconds, _counted(answers, seconds).latency_ms, 90)


def offline(place: Place, seconds: float) -> Scenario:
    """As many as there are connections, at all times."""
    answers, cost = place.closed(OFFLINE_CONNECTIONS, seconds, PAUSE_S)
    return _scenario(answers, cost, seconds, _counted(answers, seconds).latency_ms, 99)


async def multi_stream(
    port: int, requests: Sequence[Request], streams: int, seconds: float, host: str = HOST
) -> Answers:
    """So many at once, each over a connection of its own, again and again; those of one query are due together."""
    client = Client(port, requests, host)
    lines = [client.line() for _ in range(streams)]
    turn = 0
    while (now := client.now()) < seconds:
        codes = await asyncio.gather(*(line.ask(turn + place, now) for place, line in enumerate(lines)))
        if {LOST, UNREACHABLE} & set(codes):
            await asyncio.sleep(REOPEN_S)
        turn += streams
    return await client.finish()


def whole_ms(answers: Answers) -> Seconds:
    """Of each query, until its last sound was answered."""
    due, query = np.unique(answers.due, return_inverse=True)
    ended = np.zeros(due.size)
    np.maximum.at(ended, query, answers.ended)
    return (ended - due) * 1000


def _multi_stream(place: Place, seconds: float) -> Scenario:
    requests, address = place.requests(), place.address
    answers, cost = place.charged(lambda: multi_stream(address.port, requests, STREAMS, seconds, address.host))
    return _scenario(answers, cost, seconds, whole_ms(_counted(answers, seconds)), 99)


def _counted(answers: Answers, seconds: float) -> Answers:
    return answers.due_between(seconds * WARM_SHARE, seconds)


def _scenario(answers: Answers, cost: Cost, seconds: float, times: Seconds, tail: float) -> Scenario:
    good = answers.coded(OK)
    return Scenario(
        requests=len(answers), errors=len(answers) - len(good),
        p50_ms=percentile(times, 50), tail_ms=percentile(times, tail),
        per_s=good.rate_between(seconds * WARM_SHARE, seconds), server_cpu_ms=cost.server_cpu_ms,
    )  # fmt: skip
