"""One live stream, from its opening to its end: has every hop answered, and notices when it is time to go.

Three tasks: one reads, one answers, one watches. The first that knows a reason to end, ends the stream; a hop that
the engine has in hand is answered before. The model is held on to for one hop at a time, so that no reload waits.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from service.jobs import Job
from service.line import LineClosed
from service.problems import ProblemError, invalid, problem_of
from service.serving import Service, Serving, State
from service.stream.farewell import ASKED, DRAINING, GONE, IDLE, MODEL_CHANGED, WRONG_TYPE, Farewell, because_of
from service.stream.lane import Due, Lane
from service.stream.messages import Closing, Heard, Opening
from service.stream.replies import ended, heard, ready, trouble, trouble_at
from service.stream.session import Hop, Session
from service.stream.smoothing import Smoothing
from service.stream.wire import Wire
from service.waiting import ClientGone, answered

LOOK_S = 0.25
"""Between two looks at whether it is time to go."""

_log = logging.getLogger(__name__)
_FromClient = TypeVar("_FromClient", bound=BaseModel)


class _OtherModelError(Exception):
    """What is served now hears otherwise than what was served when the stream began."""


class _Opened:
    """What an opening begins."""

    def __init__(self, opening: Opening, serving: Serving) -> None:
        self.opening = opening
        self.shape = _shape(serving)
        self.session = Session(opening, *self.shape)
        self.smoothing = Smoothing(opening.smoothing)


class LiveStream:
    """One accepted socket."""

    def __init__(self, wire: Wire, service: Service, request_id: str) -> None:
        self._wire = wire
        self._service = service
        self._request_id = request_id
        self._lane = Lane(service.metrics.hop_skipped)
        self._opened: _Opened | None = None
        self._refused = 0
        self._last = 0
        self.hops = 0
        """That were answered."""

    @property
    def skipped(self) -> int:
        """Hops that were not answered."""
        return self._lane.skipped + self._refused

    @property
    def heard_s(self) -> float:
        """Seconds of sound so far."""
        return self._opened.session.heard / self._opened.shape[0] if self._opened else 0.0

    async def run(self) -> Farewell:
        """Until it ends, for whatever reason; the socket is closed then."""
        answering = asyncio.create_task(self._answer())
        others = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]
        farewell = GONE
        try:
            with suppress(ClientGone):
                farewell = await self._until_the_end(answering, others)
                await self._part(farewell)
        finally:
            for task in (answering, *others):
                task.cancel()
            await asyncio.gather(answering, *others, return_exceptions=True)
        return farewell

    async def _until_the_end(
        self, answering: "asyncio.Task[Farewell | None]", others: "list[asyncio.Task[Farewell]]"
    ) -> Farewell:
        done, _ = await asyncio.wait((answering, *others), return_when=asyncio.FIRST_COMPLETED)
        if answering in done:
            return answering.result() or GONE
        farewell = next(task for task in others if task in done).result()
        if farewell is GONE:
            return farewell
        for task in others:
            task.cancel()
        self._lane.close(drop=farewell is not ASKED)
        return await answering or farewell

    async def _part(self, farewell: Farewell) -> None:
        if farewell.code is None:
            return
        if farewell.problem is not None:
            await self._wire.say(trouble(farewell.problem, self._request_id))
        else:
            await self._wire.say(ended(farewell.reason, self.hops, self.skipped, self.heard_s))
        await self._wire.close(farewell.code, farewell.reason)

    async def _watch(self) -> Farewell:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._service.state is State.DRAINING:
                return DRAINING
            if self._wire.quiet_s > self._service.settings.stream_idle_s:
                return IDLE

    async def _read(self) -> Farewell:
        try:
            match await self._wire.receive():
                case None:
                    return GONE
                case str(text):
                    opened = await self._open(_parsed(Opening, text))
                case _:
                    return because_of(_NO_OPENING, WRONG_TYPE)
            while isinstance(message := await self._wire.receive(), bytes):
                await self._hear(opened, message)
            if message is None:
                return GONE
            _parsed(Closing, message)
            await self._pass_on(opened, opened.session.end())
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001  (told to the client)
            return because_of(self._problem(error))
        return ASKED

    async def _open(self, opening: Opening) -> _Opened:
        serving = self._service.serving
        self._opened = opened = _Opened(opening, serving)
        await self._wire.say(ready(serving, opened.session, self._request_id, self._service.settings.stream_idle_s))
        return opened

    async def _hear(self, opened: _Opened, data: bytes) -> None:
        """In pieces of a second, so that a message of minutes does not keep all others waiting."""
        step = opened.session.bytes_per_second
        for at in range(0, len(data), step):
            await self._pass_on(opened, opened.session.feed(data[at : at + step]))
            await asyncio.sleep(0)

    async def _pass_on(self, opened: _Opened, hops: Iterable[Hop]) -> None:
        for hop in hops:
            if opened.opening.when_behind == "wait":
                await self._lane.free()
            self._lane.put(hop)

    async def _answer(self) -> Farewell | None:
        while (due := await self._lane.take()) is not None:
            opened = self._opened
            assert opened is not None  # noqa: S101  (there is a hop of it)
            try:
                message = await self._heard(opened, due)
            except Exception as error:  # noqa: BLE001  (told to the client)
                self._refused += 1
                self._service.metrics.hop_refused()
                if isinstance(error, _OtherModelError):
                    return MODEL_CHANGED
                if isinstance(error, LineClosed):
                    return DRAINING
                await self._wire.say(trouble_at(due, opened.shape[0], self._problem(error), self._request_id))
            else:
                await self._wire.say(message)
        return None

    async def _heard(self, opened: _Opened, due: Due) -> Heard:
        with self._service.using() as serving:
            if _shape(serving) != opened.shape:
                raise _OtherModelError
            job = Job([due.hop.window], self._service.deadline(None))
            await answered(serving.batcher, job)
        message = heard(serving, opened.smoothing, opened.opening.top_k, due, job, due.hop.number - self._last - 1)
        self._last = due.hop.number
        self.hops += 1
        self._service.metrics.hop_answered(message["latency_ms"] / 1000)
        return message

    def _problem(self, error: Exception) -> ProblemError:
        problem = problem_of(error)
        if problem.code == "internal":
            _log.error("live stream %s: something failed", self._request_id, exc_info=error)
        return problem


_NO_OPENING = ProblemError(
    "invalid_request", "The first message must be text: JSON that says what the sound is like."
)


def _shape(serving: Serving) -> tuple[int, int]:
    """What a model hears: if it changes, a stream's past is of no use."""
    return serving.model.sample_rate, serving.model.window_samples


def _parsed(kind: type[_FromClient], text: str) -> _FromClient:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise invalid(error) from None
