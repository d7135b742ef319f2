"""Two services, each from a tree of its own, on the same cores: started, loaded and weighed in turn, round by round.

Both are started anew in each round, since two processes of one program differ too. While one is loaded the other is
idle, which costs nothing; they take turns in slices of a load, and who goes first changes with each round.
"""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import numpy as np

from benchmarks import load
from benchmarks.answers import OK, Answers, percentile
from benchmarks.bench import requests_for
from benchmarks.comparison.trees import Tree
from benchmarks.levels import WARM_SHARE
from benchmarks.load import Request, closed_loop
from benchmarks.processes import on_cpus
from benchmarks.report import Say
from benchmarks.series import Better, Series, gathered
from benchmarks.served import Served
from benchmarks.subject import Subject
from benchmarks.wire import connect, post
from contract.errors import EarshotError

CONNECTIONS = 32
"""Of a full service: four times the largest batch and more, so that it is never without work."""

LONE_SLICE_S = 0.03
"""Of one connection: time for a request or a few, since what disturbs a machine does not go away so soon."""

_TURNS = (0, 1, 1, 0)
"""Who was second is first next time, so that a drift of the machine cancels."""

_LONE, _RATE, _P99, _CPU = "lone/p50", "full/throughput", "full/p99", "full/CPU per clip"
_MEMORY, _START, _ERRORS = "full/memory", "start/time", "errors"

KINDS: dict[str, tuple[str, Better]] = {
    _LONE: ("ms", "lower"), _RATE: ("clips/s", "higher"), _P99: ("ms", "lower"), _CPU: ("ms", "lower"),
    _MEMORY: ("MB", "lower"), _START: ("s", "lower"), _ERRORS: ("share", "lower"),
}  # fmt: skip
"""What every round measures: over one connection, and over so many that the service is full."""


@dataclass(frozen=True)
class Plan:
    """The same for both."""

    subject: Subject
    flags: Sequence[str]
    rounds: int
    seconds: float
    """Of each load on each side, in each round."""


@dataclass(frozen=True)
class Side:
    """One of the two: what it says of itself, what it calls the clips, and what was measured of it so far."""

    tree: Tree
    facts: dict[str, Any]
    requests: list[Request]
    rounds: list[dict[str, float]] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    """How the requests of all rounds ended."""

    @property
    def labels(self) -> list[str | None]:
        """Of the clips."""
        return [request.label for request in self.requests]

    @property
    def series(self) -> dict[str, Series]:
        """By name."""
        return {name: gathered(name, *meant, (one[name] for one in self.rounds)) for name, meant in KINDS.items()}


@dataclass(frozen=True)
class _Loaded:
    """One load on one side: its slices, of so many seconds each."""

    slice_s: float
    answers: list[Answers] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    """That the service spent."""

    @property
    def requests(self) -> int:
        """All that were sent."""
        return sum(map(len, self.answers))

    @property
    def good(self) -> int:
        """Those that were answered rightly."""
        return sum(one.count(OK) for one in self.answers)

    @property
    def rate(self) -> float:
        """Of right answers, when the slice is warm."""
        return mean(one.coded(OK).rate_between(self._warm_s, self.slice_s) for one in self.answers)

    def latency_ms(self, percent: float) -> float:
        """Of all slices together."""
        return percentile(np.concatenate([self._warm(one).latency_ms for one in self.answers]), percent)

    def _warm(self, answers: Answers) -> Answers:
        """Without those that find what the other side left behind; all where there are no others."""
        good = answers.coded(OK)
        return warm if len(warm := good.due_between(self._warm_s, self.slice_s)) else good

    @property
    def _warm_s(self) -> float:
        return self.slice_s * WARM_SHARE


def duel(trees: Sequence[Tree], plan: Plan, say: Say) -> list[Side]:
    """Every start and every load of both, in turn."""
    sides = [_introduced(tree, plan) for tree in trees]
    for number in range(1, plan.rounds + 1):
        _round(sides if number % 2 else sides[::-1], plan)
        say(f"round {number} of {plan.rounds}: {_described(sides)}")
    return sides


def _introduced(tree: Tree, plan: Plan) -> Side:
    """A first start, which no figure counts: its files are read and compiled for the first time."""
    with _started(tree, plan) as (served, _):
        labels = asyncio.run(_labels(tree, served.port, plan.subject.bodies))
        return Side(tree, served.model_facts(), requests_for(plan.subject.bodies, labels))


async def _labels(tree: Tree, port: int, bodies: Sequence[bytes]) -> list[str]:
    """As the service gives them, one by one."""
    connection = await connect(port)
    try:
        answers = [await connection.ask(post(body)) for body in bodies]
    finally:
        await connection.close()
    for answer in answers:
        if answer.status != 200:
            raise EarshotError(f"{tree.name}: its service answers a clip with status {answer.status}")
    return [json.loads(answer.body)["predictions"][0]["label"] for answer in answers]


@contextmanager
def _started(tree: Tree, plan: Plan) -> Iterator[tuple[Served, float]]:
    """A service that is ready, and after how many seconds."""
    with Served(plan.flags, plan.subject.server, tree.program) as served:
        try:
            ready_s = served.wait_until_ready()
        except EarshotError as error:
            raise EarshotError(f"{tree.name}: {error}") from error
        yield served, ready_s


def _round(order: Sequence[Side], plan: Plan) -> None:
    with ExitStack() as stack:
        started = [stack.enter_context(_started(side.tree, plan)) for side in order]
        for served, _ in started:
            served.wait_until_calm()
        services = [served for served, _ in started]
        with on_cpus(plan.subject.client):
            lone, full = (load_them(services, order, plan.seconds) for load_them in (_lone, _full))
        for side, (served, ready_s), alone, together in zip(order, started, lone, full, strict=True):
            memory_mb = served.memory().rss_bytes / 1e6
            side.rounds.append(_figures(alone, together) | {_MEMORY: memory_mb, _START: ready_s})
            for answers in alone.answers + together.answers:
                side.codes.update(answers.codes)


def _lone(services: Sequence[Served], sides: Sequence[Side], seconds: float) -> list[_Loaded]:
    """One request at a time, of both in the same moments: what disturbs the one disturbs the other."""
    loaded = [_Loaded(LONE_SLICE_S) for _ in services]

    async def take_turns() -> None:
        for place in _TURNS * math.ceil(seconds / LONE_SLICE_S / 2):
            answers = await closed_loop(services[place].port, sides[place].requests, 1, LONE_SLICE_S)
            loaded[place].answers.append(answers)

    load.run(take_turns())
    return loaded


def _full(services: Sequence[Served], sides: Sequence[Side], seconds: float) -> list[_Loaded]:
    """As many as are answered, and what they cost; no shorter slices, since a queue must fill first."""
    loaded = [_Loaded(seconds / 2) for _ in services]
    for place in _TURNS:
        before = services[place].cpu_seconds()
        one = closed_loop(services[place].port, sides[place].requests, CONNECTIONS, loaded[place].slice_s)
        loaded[place].answers.append(load.run(one))
        loaded[place].cpu_s.append(services[place].cpu_seconds() - before)
    return loaded


def _figures(lone: _Loaded, full: _Loaded) -> dict[str, float]:
    return {
        _LONE: lone.latency_ms(50), _RATE: full.rate, _P99: full.latency_ms(99),
        _CPU: 1000 * sum(full.cpu_s) / full.good if full.good else float("nan"),
        _ERRORS: 1 - (lone.good + full.good) / (lone.requests + full.requests),
    }  # fmt: skip


def _described(sides: Sequence[Side]) -> str:
    """The last round in a line, A beside B."""
    last = [side.rounds[-1] for side in sides]
    lone, rate, p99 = (" and ".join(f"{one[name]:.4g}" for one in last) for name in (_LONE, _RATE, _P99))
    return f"lone p50 {lone} ms; full {rate} clips/s, p99 {p99} ms"
