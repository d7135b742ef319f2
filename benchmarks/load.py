"""A load client: as many requests as the service answers, or as many as are due, each answer checked.

Closed loop: N connections, each of which sends as soon as it has its answer; under overload it sends less. Open loop:
requests come at Poisson times whether or not the service keeps up, and latency counts from when they were due.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from pydantic_core import from_json

from benchmarks.alarm import Alarm
from benchmarks.answers import LOST, OK, SILENT, UNREACHABLE, WRONG, Answers, Record, Seconds
from benchmarks.wire import HOST, Answer, Connection, connect

MOST_CONNECTIONS = 900
"""Of an open loop: below the 1024 open files that a process may usually have."""

IDLE_S = 30.0
"""A connection that was idle for so long is not used again: the service may be about to close it."""

PATIENCE_S = 30.0
"""A client that has no answer by then gives up."""

_LOOKS = 20
"""At who has waited for too long, in that time."""

REOPEN_S = 0.05
"""A closed loop that lost its connection waits so long, or it would spin where nobody listens."""

_LEAVE_S = 0.02
"""Between two looks at whether all have left."""

_CUT_OFF = (LOST, UNREACHABLE)

T = TypeVar("T")
_Order = tuple[int, float]
"""The turn of a request, and when it is due."""


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
    port: int,
    requests: Sequence[Request],
    connections: int,
    seconds: float,
    pause_s: float = 0.0,
    *,
    host: str = HOST,
) -> Answers:
    """So many connections, for so long; each waits for its last answer.

    After one that was not good it pauses, for a time between half and three halves of what is said: clients that were
    refused together do not come back together.
    """
    client = Client(port, requests, host)
    random = np.random.default_rng(0)

    async def keep_asking(line: Line, turn: int) -> None:
        while (now := client.now()) < seconds:
            code = await line.ask(turn, now)
            turn += connections
            if code != OK:
                least = REOPEN_S if code in _CUT_OFF else 0.0
                await asyncio.sleep(max(least, pause_s * random.uniform(0.5, 1.5)))

    await asyncio.gather(*(keep_asking(client.line(), first) for first in range(connections)))
    return await client.finish()


async def at_once(port: int, requests: Sequence[Request]) -> Answers:
    """All of these, each over a connection of its own."""
    client = Client(port, requests)
    await asyncio.gather(*(client.line().ask(turn, 0.0) for turn in range(len(requests))))
    return await client.finish()


async def open_loop(
    port: int,
    requests: Sequence[Request],
    rate: float,
    seconds: float,
    seed: int = 0,
    *,
    host: str = HOST,
    drain_s: float | None = None,
) -> Answers:
    """So many requests per second on average, for so long; all are waited for, or for no longer than is said."""
    times = arrivals(rate, seconds, seed).tolist()
    client = Client(port, requests, host)
    async with asyncio.TaskGroup() as tasks:
        crowd = _Crowd(client, tasks)
        with Alarm() as alarm:
            for turn, due in enumerate(times):
                await alarm.until(client.begun + due)
                crowd.ask(turn, due)
        crowd.go_home()
        if drain_s is not None:
            await crowd.leave_at(seconds + drain_s)
    return await client.finish()


def arrivals(rate: float, seconds: float, seed: int) -> Seconds:
    """The moments at which requests are due: a Poisson process."""
    random = np.random.default_rng(seed)
    return np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))


class Client:
    """What all lines of one load share: to whom they speak, what they say, and the records of it."""

    def __init__(self, port: int, requests: Sequence[Request], host: str = HOST) -> None:
        self.begun = time.perf_counter()
        self.address = host, port
        self.requests = requests
        self.records: list[Record] = []
        self._lines: list[Line] = []
        self._look = asyncio.create_task(self._give_up_in_time())

    def now(self) -> float:
        """Seconds since the load began."""
        return time.perf_counter() - self.begun

    def line(self) -> "Line":
        """One more."""
        self._lines.append(Line(self))
        return self._lines[-1]

    def leave(self) -> None:
        """Wait for no answer any longer."""
        for line in self._lines:
            line.leave()

    def never_sent(self, due: float) -> None:
        """Record a request that found no line."""
        now = self.now()
        self.records.append(Record(due, now, now, 0, SILENT))

    async def finish(self) -> Answers:
        """Hang up; all that was recorded."""
        self._look.cancel()
        for line in self._lines:
            await line.close()
        return Answers.of(self.records, self.begun)

    async def _give_up_in_time(self) -> None:
        """One look at all of them now and then: a timer for each request would cost each of them."""
        while True:
            await asyncio.sleep(PATIENCE_S / _LOOKS)
            for line in self._lines:
                line.give_up_if_asked_before(self.now() - PATIENCE_S)


class Line:
    """One request at a time, over a connection that is opened when there is none."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._connection: Connection | None = None
        self._sent = self._ended = 0.0

    async def ask(self, turn: int, due: float) -> str:
        """Send a request and record what becomes of it; its code."""
        request = self._client.requests[turn % len(self._client.requests)]
        try:
            connection = await self._connected()
        except OSError:
            self._sent = self._client.now()
            return self._record(due, self._sent, 0, UNREACHABLE)
        self._sent = self._client.now()
        try:
            answer = await connection.ask(request.wire)
        except (ConnectionError, TimeoutError) as error:
            await self.close()
            return self._record(due, self._client.now(), 0, SILENT if isinstance(error, TimeoutError) else LOST)
        code = code_of(answer, request.label)
        self._record(due, answer.at - self._client.begun, answer.status, code)
        await connection.drained()
        return code

    def give_up_if_asked_before(self, moment: float) -> None:
        """A request that is on its way since then is given up."""
        if self._connection is not None and self._sent < moment:
            self._connection.give_up()

    def leave(self) -> None:
        """Hang up on whoever has not answered by now."""
        if self._connection is not None:
            self._connection.give_up()
            self._connection.hang_up()

    async def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> Connection:
        """The connection that there is, unless the service has closed it or is about to."""
        if self._connection is not None:
            if self._connection.is_open and self._client.now() - self._ended < IDLE_S:
                return self._connection
            await self.close()
        host, port = self._client.address
        self._connection = await connect(port, host)
        return self._connection

    def _record(self, due: float, ended: float, status: int, code: str) -> str:
        self._ended = ended
        self._client.records.append(Record(due, self._sent, ended, status, code))
        return code


class _Crowd:
    """As many lines as it takes for nobody to wait for one, up to a bound; those that were busy last go first."""

    def __init__(self, client: Client, tasks: asyncio.TaskGroup) -> None:
        self._client, self._tasks = client, tasks
        self._loop = asyncio.get_running_loop()
        self._workers: list[asyncio.Task[None]] = []
        self._idle: list[asyncio.Future[_Order | None]] = []
        self._waiting: deque[_Order] = deque()
        self._is_over = False

    def ask(self, turn: int, due: float) -> None:
        """By an idle line, by a new one, or by the next that is free."""
        if self._idle:
            self._idle.pop().set_result((turn, due))
        elif len(self._workers) < MOST_CONNECTIONS:
            self._workers.append(self._tasks.create_task(self._work((turn, due))))
        else:
            self._waiting.append((turn, due))

    def go_home(self) -> None:
        """When all that was asked has been answered."""
        self._is_over = True
        while self._idle:
            self._idle.pop().set_result(None)

    async def leave_at(self, moment: float) -> None:
        """Of the load; again and again, since one may just be about to connect."""
        patience_s = max(0.0, moment - self._client.now())
        busy = set(self._workers)
        while busy:
            _, busy = await asyncio.wait(busy, timeout=patience_s)
            patience_s = _LEAVE_S
            while self._waiting:
                self._client.never_sent(self._waiting.popleft()[1])
            self._client.leave()

    async def _work(self, order: _Order | None) -> None:
        line = self._client.line()
        while order is not None:
            await line.ask(*order)
            order = self._waiting.popleft() if self._waiting else await self._next()

    async def _next(self) -> _Order | None:
        if self._is_over:
            return None
        called: asyncio.Future[_Order | None] = self._loop.create_future()
        self._idle.append(called)
        return await called


def code_of(answer: Answer, label: str | None) -> str:
    """OK, WRONG, or the code of the problem; a problem without a code is named by its status."""
    try:
        content = from_json(answer.body)
        if answer.status == 200:
            return OK if label in {None, content["predictions"][0]["label"]} else WRONG
        return str(content["code"])
    except (ValueError, KeyError, IndexError, TypeError):
        return WRONG if answer.status == 200 else f"status {answer.status}"
