"""What throughput does not tell: bad company, clients that leave, more of them than can be served, and the end.

A clip is known by its cost: the CPU time that a server spends after its clients have gone, divided by what a request
costs it, is how many clips it computed for nobody. How many it could have spared itself is known by the clients, who
count the answers that had not come when they hung up. Where those are too few, or where a clip costs little more than
its upload, nothing can be said: that takes a model that is slow enough.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import load
from benchmarks.answers import OK, SILENT, Answers, percentile
from benchmarks.levels import WARM_SHARE
from benchmarks.load import Client, Request, at_once, closed_loop
from benchmarks.peers.shared import MAX_BATCH
from benchmarks.processes import Cpus, on_cpus
from benchmarks.server import Server
from benchmarks.wire import connect

COMPANIES, GOOD, AMONG = 5, 15, 8
"""How often a bad request comes among good ones, how many those are, and how many of them come before it."""

LEAVING = 96
"""Clients that hang up: no more than Earshot's line holds, since nobody computes what was refused."""
TELLING, TELLING_MS = 2 * MAX_BATCH, 3.0
"""So many of them at least must have been left without an answer, as the batch in the engine cannot be taken back;
and so much CPU time must a request cost."""

CROWD = 256
"""Clients that come at once."""
PAUSE_S = 0.2
"""A client that was not served waits so long before it asks again."""
TOO_MANY = 429

IN_FLIGHT = 24
"""Requests when the server is told to end."""
END_S = 30.0
"""For which it is waited."""


@dataclass(frozen=True)
class Tempo:
    """How long everything takes."""

    hang_up_s: float = 0.25
    """From sending a request to hanging up: it has been read by then, and waits."""
    watch_s: float = 1.0
    """For which a server is watched: with nothing to do, as some do much of it, and with one client."""
    crowd_s: float = 6.0
    signal_s: float = 0.2
    """From sending the last requests to the signal."""


@dataclass(frozen=True)
class Company:
    """One bad clip among good ones."""

    good: int
    harmed: int
    """Of the good ones, how many had no good answer."""
    codes: dict[str, int]
    """How the good ones ended."""
    bad: dict[str, int]


@dataclass(frozen=True)
class Departed:
    """Clients that sent a request and hung up before its answer."""

    left: int
    """Without an answer, when they hung up."""
    each_ms: float
    """CPU time of a request."""
    clips: float
    """Computed for nobody from then on until the next client had its answer."""
    next_ms: float
    """That the next client waits."""
    alone_ms: float
    """That a client waits who comes alone."""

    @property
    def is_telling(self) -> bool:
        """Whether there was something to be dropped that can be told from what it took to drop it."""
        return self.left >= TELLING and self.each_ms >= TELLING_MS

    @property
    def in_vain(self) -> float:
        """Clips for nobody; not a number where that tells nothing."""
        return self.clips if self.is_telling else float("nan")


@dataclass(frozen=True)
class Crowd:
    """More clients than can be served."""

    codes: dict[str, int]
    served_per_s: float
    served_p50_ms: float
    served_max_ms: float
    refused: int
    """By 429."""
    refused_p50_ms: float
    """Once the crowd has come: all at once it comes only once."""
    refused_p99_ms: float
    failed: int
    """Neither served nor refused so."""


@dataclass(frozen=True)
class End:
    """SIGTERM with requests in flight."""

    answered: int
    codes: dict[str, int]
    status: int | None
    """Of the exit; None where there was none in time."""
    ended_s: float
    listens: bool
    """Somebody still takes connections at its port."""


@dataclass(frozen=True)
class Manners:
    """All of it."""

    company: Company
    departed: Departed
    crowd: Crowd
    end: End


def manners_of(server: Server, requests: Sequence[Request], bad: Request, client: Cpus, tempo: Tempo) -> Manners:
    """Ask for them; the server has ended afterwards."""
    with on_cpus(client):
        company = _company(server, requests, bad)
        server.wait_until_calm()
        departed = _departed(server, requests, tempo)
        server.wait_until_calm()
        crowd = _crowd(server, requests, tempo)
        server.wait_until_calm()
        return Manners(company, departed, crowd, load.run(_end(server, requests, tempo)))


def bad_request(good: Request) -> Request:
    """Of the same size, with a body that is no sound."""
    head, parted, body = good.wire.partition(b"\r\n\r\n")
    noise = b"RIFF this is no sound. "
    return Request(head + parted + (noise * (len(body) // len(noise) + 1))[: len(body)])


def _company(server: Server, requests: Sequence[Request], bad: Request) -> Company:
    good: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for _ in range(COMPANIES):
        before, one, after = load.run(_among_good_ones(server.port, requests, bad))
        good += Counter(before.codes) + Counter(after.codes)
        told += Counter(one.codes)
    return Company(good.total(), good.total() - good[OK], dict(good), dict(told))


async def _among_good_ones(port: int, requests: Sequence[Request], bad: Request) -> tuple[Answers, Answers, Answers]:
    before, after = _turns(requests, AMONG), _turns(requests, GOOD - AMONG)
    return await asyncio.gather(at_once(port, before), at_once(port, [bad]), at_once(port, after))


def _departed(server: Server, requests: Sequence[Request], tempo: Tempo) -> Departed:
    idle = _Meter(server)
    time.sleep(tempo.watch_s)
    idle_cores = idle.spent() / tempo.watch_s
    lone = _Meter(server, idle_cores)
    alone = load.run(closed_loop(server.port, requests, 1, tempo.watch_s)).coded(OK)
    each = lone.spent() / len(alone) if len(alone) else float("nan")
    left, spent, following = load.run(_left_and_next(server, requests, idle_cores, tempo))
    server.wait_until_calm()
    clips = max(0.0, spent / each - len(following)) if each > 0 else float("nan")
    next_ms = percentile(following.coded(OK).latency_ms, 50)
    return Departed(left, 1000 * each, clips, next_ms, percentile(alone.latency_ms, 50))


async def _left_and_next(
    server: Server, requests: Sequence[Request], idle_cores: float, tempo: Tempo
) -> tuple[int, float, Answers]:
    """Clients come at once and go at once where they have no answer by then; what the server spends from then on."""
    client = Client(server.port, requests)
    lines = [client.line() for _ in range(LEAVING)]
    asked = asyncio.gather(*(line.ask(turn, 0.0) for turn, line in enumerate(lines)))
    await asyncio.sleep(tempo.hang_up_s)
    meter = _Meter(server, idle_cores)
    client.leave()
    await asked
    gone = await client.finish()
    following = await at_once(server.port, requests[:1])
    return gone.count(SILENT), meter.spent(), following


def _crowd(server: Server, requests: Sequence[Request], tempo: Tempo) -> Crowd:
    answers = load.run(closed_loop(server.port, requests, CROWD, tempo.crowd_s, PAUSE_S))
    warm = tempo.crowd_s * WARM_SHARE
    steady = answers.due_between(warm, tempo.crowd_s)
    served, refused = answers.coded(OK), answers.where(answers.status == TOO_MANY)
    refusals = steady.where(steady.status == TOO_MANY).latency_ms
    return Crowd(
        codes=answers.codes,
        served_per_s=served.rate_between(warm, tempo.crowd_s),
        served_p50_ms=percentile(served.latency_ms, 50),
        served_max_ms=percentile(served.latency_ms, 100),
        refused=len(refused),
        refused_p50_ms=percentile(refusals, 50),
        refused_p99_ms=percentile(refusals, 99),
        failed=len(answers) - len(served) - len(refused),
    )


async def _end(server: Server, requests: Sequence[Request], tempo: Tempo) -> End:
    flying = asyncio.create_task(at_once(server.port, _turns(requests, IN_FLIGHT)))
    await asyncio.sleep(tempo.signal_s)
    server.terminate()
    signalled = time.perf_counter()
    status = await asyncio.to_thread(server.wait, END_S)
    ended_s = time.perf_counter() - signalled
    answers = await flying
    return End(answers.count(OK), answers.codes, status, ended_s, await _listens(server.port))


async def _listens(port: int) -> bool:
    try:
        connection = await connect(port)
    except OSError:
        return False
    await connection.close()
    return True


class _Meter:
    """What a server spends from now on, without what it spends on nothing."""

    def __init__(self, server: Server, idle_cores: float = 0.0) -> None:
        self._server, self._idle_cores = server, idle_cores
        self._began, self._cpu = time.perf_counter(), server.cpu_seconds()

    def spent(self) -> float:
        """CPU seconds."""
        idle = self._idle_cores * (time.perf_counter() - self._began)
        return self._server.cpu_seconds() - self._cpu - idle


def _turns(requests: Sequence[Request], count: int) -> list[Request]:
    return [requests[turn % len(requests)] for turn in range(count)]
