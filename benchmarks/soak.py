"""A steady load with hostile requests among the good ones, for long, and SIGTERM in the middle of it all.

Nothing may be answered wrongly, nothing may grow, and nothing that was accepted may be lost.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import load
from benchmarks.answers import OK, REFUSED, Answers, percentile
from benchmarks.bench import raw_order, requests_for
from benchmarks.hostile import LONGEST_HARM_S, TIMEOUTS, Tally, harass, kinds_of
from benchmarks.load import Request, arrivals, closed_loop, open_loop
from benchmarks.processes import Cpus, busy_seconds, on_cpus, processes_of, rss_bytes
from benchmarks.raw import RawEngine
from benchmarks.report import Report, Say
from benchmarks.served import Served
from benchmarks.soak_report import Ending, Slice, judged
from benchmarks.subject import Subject

CONNECTIONS = 32
"""With which the service is full, to find out what it can do."""

TAIL_S = 2.0
"""Requests go on coming so long after the signal."""

SLICE_S = 60.0
LEAST_SLICES = 2
"""A first and a last one, however short it all is."""

LOOK_S = 1.0
"""Between two looks at the memory."""

_GOOD_SEED, _HOSTILE_SEED = 0, 1


@dataclass(frozen=True)
class Plan:
    """How long, how much, how nasty."""

    seconds: float
    load: float
    """Share of what the service can answer."""
    hostile: float
    """Share of the requests."""

    @property
    def hostile_seconds(self) -> float:
        """Hostile requests end sooner, for some of them take long, and the end is about the good ones."""
        return max(self.seconds / 2, self.seconds - LONGEST_HARM_S)

    @property
    def slices(self) -> int:
        """Stretches that are told apart: minutes, where there are some."""
        return max(LEAST_SLICES, round(self.seconds / SLICE_S))


@dataclass(frozen=True)
class Soaked:
    """What it came to, as the client saw it."""

    answers: Answers
    hostile: Tally
    watched: "Watched"

    @property
    def signalled(self) -> float:
        """When the service was told to end, on the clock of the answers."""
        return self.watched.signalled - self.answers.begun


@dataclass(frozen=True)
class Watched:
    """What was seen of the process until it was told to end."""

    held: list[tuple[float, float]]
    """Moments, and the resident megabytes then."""
    foreign_cores: float
    """That others used of the service's cores: what makes figures worse than they are."""
    signalled: float
    """On `time.perf_counter`."""


def run_soak(subject: Subject, plan: Plan, say: Say) -> Report:
    """Find out what the service can do, load it for long, end it, and judge."""
    with Served([*subject.serve_flags, *TIMEOUTS], subject.server) as served:
        served.wait_until_ready()
        with RawEngine(raw_order(subject, served.model_facts(), len(subject.server)), subject.server) as engine:
            requests = requests_for(subject.bodies, engine.labels)
        with on_cpus(subject.client):
            capacity = _capacity(served, requests, plan)
            say(f"{capacity:.1f} requests per second are what it can do; {plan.load:.0%} of that from now on")
            soaked = load.run(_soak(served, requests, subject, plan, capacity * plan.load, say))
        stop = time.perf_counter()
        ending = Ending.of(soaked.answers, soaked.signalled, served.wait(), len(processes_of(served.session)))
        say(f"ended {time.perf_counter() - stop:.1f} s after the last answer, exit status {ending.status}")
    return _report(subject, plan, capacity, soaked, ending, say)


def _report(subject: Subject, plan: Plan, capacity: float, soaked: Soaked, ending: Ending, say: Say) -> Report:
    slices = _slices(soaked, plan)
    for number, one in enumerate(slices, 1):
        say(
            f"{number} of {len(slices)}: {one.requests} requests, {one.refused} refused, p50 {one.p50_ms:.1f} ms, "
            f"p99 {one.p99_ms:.1f} ms, {one.rss_mb:.0f} MB"
        )
    setup = subject.facts | asdict(plan) | {"capacity_per_s": capacity}
    details: dict[str, Any] = {
        "slices": [asdict(one) for one in slices],
        "hostile": asdict(soaked.hostile),
        "ending": asdict(ending),
        "foreign_cores": soaked.watched.foreign_cores,
    }
    before = soaked.answers.where(soaked.answers.sent < soaked.signalled)
    lines = judged(before, slices, soaked.hostile, ending, soaked.watched.foreign_cores)
    return Report(f"{plan.seconds / 60:g} minutes at {plan.load:.0%} of its capacity", lines, setup, details)


def _capacity(served: Served, requests: Sequence[Request], plan: Plan) -> float:
    seconds = min(10.0, plan.seconds / 4)
    answers = load.run(closed_loop(served.port, requests, CONNECTIONS, seconds))
    return answers.coded(OK).rate_between(seconds / 4, seconds)


async def _soak(
    served: Served, requests: Sequence[Request], subject: Subject, plan: Plan, rate: float, say: Say
) -> Soaked:
    good = open_loop(served.port, requests, rate * (1 - plan.hostile), plan.seconds + TAIL_S, _GOOD_SEED)
    times = arrivals(rate * plan.hostile, plan.hostile_seconds, _HOSTILE_SEED).tolist()
    hostile = harass(served.port, kinds_of(requests[0], subject.bodies[0]), times)
    return Soaked(*await asyncio.gather(good, hostile, _watch(served, subject.server, plan, say)))


async def _watch(served: Served, cpus: Cpus, plan: Plan, say: Say) -> Watched:
    """Look at the memory until it is time, then end the service."""
    begin = time.perf_counter()
    foreign = busy_seconds(cpus) - served.cpu_seconds()
    pids = processes_of(served.session)
    every = min(LOOK_S, plan.seconds / plan.slices / 5)
    held: list[tuple[float, float]] = []
    told = 0
    while (now := time.perf_counter() - begin) < plan.seconds:
        held.append((now, rss_bytes(pids) / 1e6))
        if (done := int(plan.slices * now / plan.seconds)) > told:
            told = done
            say(f"{done} of {plan.slices} done")
        await asyncio.sleep(every)
    foreign = busy_seconds(cpus) - served.cpu_seconds() - foreign
    served.terminate()
    return Watched(held, max(0.0, foreign) / plan.seconds, time.perf_counter())


def _slices(soaked: Soaked, plan: Plan) -> list[Slice]:
    edges = np.linspace(0, plan.seconds, plan.slices + 1).tolist()
    return [_slice(soaked, start, stop) for start, stop in pairwise(edges)]


def _slice(soaked: Soaked, start: float, stop: float) -> Slice:
    answers = soaked.answers.due_between(start, stop)
    times = answers.coded(OK).latency_ms
    held = [value for moment, value in soaked.watched.held if start <= moment < stop]
    return Slice(
        start_s=start,
        requests=len(answers),
        refused=answers.count(REFUSED),
        p50_ms=percentile(times, 50),
        p99_ms=percentile(times, 99),
        rss_mb=float(np.median(held)) if held else float("nan"),
    )
