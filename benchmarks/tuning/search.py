"""`earshot tune`: the real service with one candidate after the other, under the same loads, until one is the best.

Every visit starts a process of its own, so that what is lucky about one start does not stay. The client runs on the
same machine, on whichever cores are free.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.answers import OK
from benchmarks.bench import requests_for
from benchmarks.cost import Meter
from benchmarks.kept import folder_for
from benchmarks.levels import figures
from benchmarks.load import Request, closed_loop
from benchmarks.processes import Cpus
from benchmarks.provenance import Provenance
from benchmarks.report import Say
from benchmarks.served import Served
from benchmarks.subject import Subject
from benchmarks.tuning.choice import MOST_KEPT, Measured, Point, Tuned, chosen, goal_of, worth_another_round
from benchmarks.tuning.grid import connections_for, grid
from benchmarks.tuning.profile import place_of, write_profile
from benchmarks.tuning.report import described, keep_all, show
from benchmarks.wire import connect, post
from contract.errors import EarshotError
from service.cores import cores
from service.profiles import GoalName, Tuning

_FLAGS = {"replicas": "--replicas", "threads": "--threads", "max_batch": "--max-batch"}


@dataclass(frozen=True)
class Plan:
    """What for, and how thoroughly."""

    goal: GoalName
    p99_ms: float | None
    seconds: float
    """Of each load."""
    rounds: int


@dataclass(frozen=True)
class Stage:
    """On which all candidates appear: the same sounds over the same numbers of connections."""

    flags: list[str]
    """For the service: which model, on what."""
    cpus: Cpus
    """All of them: of the service, of the client, and of others who are not to be there."""
    requests: list[Request]
    loads: tuple[int, ...]
    seconds: float

    def visit(self, tuning: Tuning) -> list[Point]:
        """Start the service with this candidate, and load it more and more."""
        words = [word for name, value in tuning for word in (_FLAGS[name], str(value))]
        with Served([*self.flags, *words]) as served:
            served.wait_until_ready()
            points = [self._point(served, connections) for connections in self.loads]
        if math.isnan(points[0].p50_ms):
            raise EarshotError(f"in {self.seconds:g} s no request was answered that counts: give more --seconds")
        return points

    def _point(self, served: Served, connections: int) -> Point:
        meter = Meter(served, self.cpus, self.cpus)
        answers, cost = meter.charged(lambda: closed_loop(served.port, self.requests, connections, self.seconds))
        came_to = figures(answers, self.seconds)
        errors = len(answers) - answers.count(OK)
        return Point(
            connections, came_to["good_per_s"], came_to["p50_ms"], came_to["p99_ms"], errors, cost.foreign_cores
        )


def run_tune(subject: Subject, plan: Plan, out: Path | None, say: Say) -> None:
    """Measure, show and keep everything, and write the profile."""
    if given := [flag for flag in _FLAGS.values() if flag in subject.flags]:
        raise EarshotError(f"--flags: {given[0]} is what is tuned, so it cannot be given")
    origin = Provenance.here()
    folder = folder_for(origin, out)
    start_s, facts, requests = _default(subject)
    engine = facts["engine"]
    default = Tuning(replicas=engine["replicas"], threads=1, max_batch=engine["max_batch"])
    on_gpu = engine["device"] != "cpu"
    loads = connections_for(cores(), on_gpu=on_gpu)
    stage = Stage(subject.serve_flags, subject.server, requests, loads, plan.seconds)
    candidates = grid(default, cores(), on_gpu=on_gpu)
    visits = len(candidates) + (plan.rounds - 1) * min(1 + MOST_KEPT, len(candidates))
    minutes = visits * (start_s + len(loads) * plan.seconds) / 60
    say(f"{len(candidates)} candidates, then the best of them, {plan.rounds} rounds: {minutes:.1f} minutes or so")
    tuned = _tuned(stage, plan, candidates, on_gpu=on_gpu, say=say)
    setup = subject.facts | asdict(plan) | {"engine": engine, "connections": loads}
    keep_all(tuned, folder, origin, setup)
    show(tuned)
    say(f"figures and curves: {folder}")
    write_profile(tuned, place_of(facts), origin, say)


def _tuned(stage: Stage, plan: Plan, candidates: list[Tuning], *, on_gpu: bool, say: Say) -> Tuned:
    """All in turn, then the best of them again and again, there and back: nobody is always the first."""

    def visit_all(left: list[Measured], number: int) -> None:
        for turn, one in enumerate(left if number % 2 else reversed(left), 1):
            one.rounds.append(stage.visit(one.tuning))
            say(f"round {number} of {plan.rounds}, {turn} of {len(left)}: {described(one, on_gpu=on_gpu)}")

    measured = [Measured(candidate) for candidate in candidates]
    visit_all(measured, 1)
    goal = goal_of(plan.goal, plan.p99_ms, measured[0])
    left = worth_another_round(measured, goal) if plan.rounds > 1 else measured
    say(f"{len(measured) - len(left)} are clearly worse for {goal.words}, and are left out from now on")
    for number in range(2, plan.rounds + 1):
        visit_all(left, number)
    return Tuned(goal, measured, left, chosen(left, goal), on_gpu)


def _default(subject: Subject) -> tuple[float, dict[str, Any], list[Request]]:
    """How long it takes to start, what it says of itself, and what of each sound: who says otherwise is wrong."""
    with Served(subject.serve_flags) as served:
        start_s = served.wait_until_ready()
        labels = load.run(_labels(served.port, subject.bodies))
        return start_s, served.model_facts(), requests_for(subject.bodies, labels)


async def _labels(port: int, bodies: Sequence[bytes]) -> list[str]:
    connection = await connect(port)
    answers = [json.loads((await connection.ask(post(body))).body) for body in bodies]
    await connection.close()
    if refused := [answer for answer in answers if "predictions" not in answer]:
        raise EarshotError(f"the service does not take these sounds: {refused[0].get('detail')}")
    return [answer["predictions"][0]["label"] for answer in answers]
