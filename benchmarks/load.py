"""A load client: as many requests as the service answers, or as many as are due, each answer checked.

Closed loop: N connections, each of which sends as soon as it has its answer; under overload it sends less. Open loop:
requests come at Poisson times whether or not the service keeps up, and latency counts from when they were due.
"""

import asyncio
import gc
import json
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from benchmarks.answers import LOST, OK, SILENT, UNREACHABLE, WRONG, Answers, Record, Seconds
from benchmarks.wire import Answer, Connection, connect

MOST_CONNECTIONS = 900
"""Of an open loop: below the 1024 open files that a process may usually have."""

IDLE_S = 30.0
"""A connection that was idle for so long is not used again: the service may be about to close it."""

PATIENCE_S = 30.0
"""A client that has no answer by then gives up."""

REOPEN_S = 0.05
"""A closed loop that lost its connection waits so long, or it would spin where nobody listens."""

_CUT_OFF = (LOST, UNREACHABLE)

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What is sent, and the label that belongs to it; None takes any."""

    wire: bytes
    label: str | None = None


def run(load: Coroutine[Any, Any, T]) -> T:
    """Run a load to its end, on the fastest loop there is and without pauses for the garbage of others."""
    import uvloop

    gc.collect()
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(load)
    finally:
        gc.unfreeze()


async def closed_loop(
    port: int, requests: Sequence[Request], connections: int, seconds: float, pause_s: float = 0.0
) -> Answers:
    """So many connections, for so long; each waits for its last answer.

    After one that was not good it pauses, for a time between half and three halves of what is said: clients that were
    refused together do not come back together.
    """
    client = _Client(port, requests)
    random = np.random.default_rng(0)

    async def keep_asking(first: int) -> None:
        turn = first
        while (now := client.now()) < seconds:
            code = await client.once(turn, now)
            turn += connections
            if code != OK:
                least = REOPEN_S if code in _CUT_OFF else 0.0
                await asyncio.sleep(max(least, pause_s * random.uniform(0.5, 1.5)))

    await asyncio.gather(*(keep_asking(first) for first in range(connections)))
    return await client.finish()


async def at_once(port: int, requests: Sequence[Request]) -> Answers:
    """All of these, each over a connection of its own."""
    client = _Client(port, requests)
    await asyncio.gather(*(client.once(turn, 0.0) for turn in range(len(requests))))
    return await client.finish()


async def open_loop(port: int, requests: Sequence[Request], rate: float, seconds: float, seed: int = 0) -> Answers:
    """So many requests per second on average, for so long; all of them are waited for."""
    times = arrivals(rate, seconds, seed).tolist()
    client = _Client(port, requests)
    async with asyncio.TaskGroup() as tasks:
        for turn, due in enumerate(times):
            await asyncio.sleep(max(0.0, due - client.now()))
            tasks.create_task(client.once(turn, due))
    return await client.finish()


def arrivals(rate: float, seconds: float, seed: int) -> Seconds:
    """The moments at which requests are due: a Poisson process."""
    random = np.random.default_rng(seed)
    return np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))


class _Client:
    """Connections that are used again, and the records of what came over them."""

    def __init__(self, port: int, requests: Sequence[Request]) -> None:
        self._port = port
        self._requests = requests
        self._idle: deque[tuple[float, Connection]] = deque()
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)
        self._records: list[Record] = []
        self._begin = time.perf_counter()

    def now(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self._begin

    async def once(self, turn: int, due: float) -> str:
        """Send one request and record what becomes of it; in a word, that is what it says."""
        async with self._free:
            try:
                connection = await self._connection()
            except OSError:
                self._records.append(Record(due, self.now(), self.now(), 0, UNREACHABLE))
                return UNREACHABLE
            record = await self._asked(connection, self._requests[turn % len(self._requests)], due)
            self._records.append(record)
            if record.status and connection.is_open:
                await connection.drained()
                self._idle.append((self.now(), connection))
            else:
                await connection.close()
            return record.code

    async def finish(self) -> Answers:
        """Hang up; all that was recorded."""
        while self._idle:
            await self._idle.pop()[1].close()
        return Answers.of(self._records, self._begin)

    async def _asked(self, connection: Connection, request: Request, due: float) -> Record:
        sent = self.now()
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await connection.ask(request.wire)
        except (ConnectionError, TimeoutError) as error:
            code = SILENT if isinstance(error, TimeoutError) else LOST
            return Record(due, sent, self.now(), 0, code)
        return Record(due, sent, answer.at - self._begin, answer.status, code_of(answer, request.label))

    async def _connection(self) -> Connection:
        """The one that was used last, so that the others grow old and go."""
        while self._idle and self._idle[0][0] < self.now() - IDLE_S:
            await self._idle.popleft()[1].close()
        while self._idle:
            _, connection = self._idle.pop()
            if connection.is_open:
                return connection
        return await connect(self._port)


def code_of(answer: Answer, label: str | None) -> str:
    """OK, WRONG, or the code of the problem; a problem without a code is named by its status."""
    try:
        content = json.loads(answer.body)
        if answer.status == 200:
            return OK if label in {None, content["predictions"][0]["label"]} else WRONG
        return str(content["code"])
    except (ValueError, KeyError, IndexError, TypeError):
        return WRONG if answer.status == 200 else f"status {answer.status}"
