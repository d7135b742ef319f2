"""All servers in turn, round after round, each with the bare engine before and after every load."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

from benchmarks.bench import Gauge, requests_for
from benchmarks.levels import Level
from benchmarks.peers.contestants import Contestant
from benchmarks.peers.manners import IN_FLIGHT, Manners, Tempo, bad_request, manners_of
from benchmarks.peers.shared import SharedModel
from benchmarks.raw import RawEngine
from benchmarks.report import Say
from benchmarks.service import RAW_SHARE, described
from contract.errors import EarshotError

LONE, FULL, FULLER = 1, 32, 64
"""Connections: one client alone; four times the largest batch; twice that."""
CONNECTIONS = (LONE, 8, FULL, FULLER)

WARM_UP = 0.3
"""Of a load's time: some servers learn from their first requests how long to wait for a batch."""

LOOK_S = 0.2
"""At each model by the bare engine, to know the slowest."""

TRIES, CALM = 2, 0.1
"""A load is tried again where the bare engine was faster by more than that on one side of it than on the other."""


@dataclass(frozen=True)
class Plan:
    """How long, how often, and what."""

    seconds: float = 5.0
    """Of each load."""
    rounds: int = 3
    tempo: Tempo | None = field(default_factory=Tempo)
    """Of manners, which are tried with the slowest model; None leaves them out."""


@dataclass(frozen=True)
class Bout:
    """One server with one model, once."""

    model: str
    server: str
    start_s: float
    """From its start to its first answer."""
    memory_mb: float
    """After all loads, with what processes share counted in parts."""
    levels: tuple[Level, ...]
    manners: Manners | None

    def level(self, connections: int) -> Level:
        """The load over so many connections."""
        return next(level for level in self.levels if level.connections == connections)


@dataclass(frozen=True)
class Contest:
    """What it all came to."""

    bouts: Sequence[Bout]
    absent: dict[str, str]
    """Who could not take part, with which model, and why."""

    def of(self, model: str, server: str) -> list[Bout]:
        """All rounds of one server."""
        return [bout for bout in self.bouts if (bout.model, bout.server) == (model, server)]

    @property
    def models(self) -> list[str]:
        """In the order in which they were served."""
        return list(dict.fromkeys(bout.model for bout in self.bouts))

    @property
    def servers(self) -> list[str]:
        """In the order of the first round."""
        return list(dict.fromkeys(bout.server for bout in self.bouts))


def hold(contestants: Sequence[Contestant], models: Sequence[SharedModel], plan: Plan, say: Say) -> Contest:
    """Measure them all; a server that fails with a model is left out of what is left with that model."""
    bouts: list[Bout] = []
    absent: dict[str, str] = {}
    turns = [(number, one) for number in range(1, plan.rounds + 1) for one in _in_turn(contestants, number)]
    with ExitStack() as stack:
        engines = [stack.enter_context(RawEngine(model.order, model.subject.server)) for model in models]
        slowest = max(engines, key=lambda engine: engine.measure(LOOK_S).engine_ms)
        for (model, engine), (number, one) in product(zip(models, engines, strict=True), turns):
            name = f"{model.name}/{one.name}"
            if name in absent:
                continue
            own = plan if engine is slowest else replace(plan, tempo=None)
            try:
                bouts.append(_bout(one, model, engine, own, partial(_told, say, f"{name}, round {number}")))
            except (EarshotError, OSError) as error:
                absent[name] = str(error)
                say(f"{name} is out: {error}")
    return Contest(bouts, absent)


def _in_turn(contestants: Sequence[Contestant], number: int) -> list[Contestant]:
    """Each round begins with another and goes the other way round: nobody follows the same one in all of them."""
    step = 1 if number % 2 else -1
    return [contestants[(number - 1 + step * turn) % len(contestants)] for turn in range(len(contestants))]


def _bout(one: Contestant, model: SharedModel, engine: RawEngine, plan: Plan, say: Say) -> Bout:
    subject = model.subject
    requests = requests_for(subject.bodies, engine.labels, one.path)
    with one.start(model) as server:
        start_s = server.wait_until_ready()
        gauge = Gauge(server, engine, requests, subject.server, subject.client, plan.seconds * RAW_SHARE)
        levels = tuple(_level(gauge, connections, plan.seconds, say) for connections in CONNECTIONS)
        memory_mb = server.memory().pss_bytes / 1e6
        manners = None
        if plan.tempo:
            manners = manners_of(server, requests, bad_request(requests[0]), subject.client, plan.tempo)
            say(_in_a_line(manners))
    return Bout(model.name, one.name, start_s, memory_mb, levels, manners)


def _level(gauge: Gauge, connections: int, seconds: float, say: Say) -> Level:
    """The calmest of some tries: whether one counts is for the bare engine to say, not for the server."""
    gauge.warm_up(connections, WARM_UP * seconds)
    tries: list[Level] = []
    while len(tries) < TRIES:
        tries.append(gauge.closed(f"{connections} connections", connections, seconds))
        say(f"{described(tries[-1])}; bare engine ± {100 * tries[-1].raw_drift:.0f} %")
        if tries[-1].raw_drift <= CALM:
            break
    return min(tries, key=lambda level: level.raw_drift)


def _in_a_line(manners: Manners) -> str:
    company, departed, crowd, end = manners.company, manners.departed, manners.crowd, manners.end
    return (
        f"manners: {company.harmed} of {company.good} harmed, {departed.clips:.1f} clips for {departed.left} "
        f"departed, {crowd.refused} refused with p99 {crowd.refused_p99_ms:.0f} ms, served with p50 "
        f"{crowd.served_p50_ms:.0f} ms, {end.answered} of {IN_FLIGHT} answered after SIGTERM"
    )


def _told(say: Say, where: str, words: str) -> None:
    say(f"{where}: {words}")
