"""The model that is served, with its engines, for as long as it is: loaded, used, replaced without a gap, drained."""

import asyncio
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path

from contract.audio import Limits
from contract.bundle import find_bundle
from contract.errors import EarshotError
from service.access import Keys
from service.background import in_background
from service.batcher import Batcher, Bounds, NoEngine
from service.bodies import Uploads
from service.engines.base import Engine
from service.engines.choose import choose
from service.hearing import Hearing
from service.judge import Judge
from service.line import LineClosed
from service.memory import settle_garbage
from service.metrics import Metrics
from service.model import ServedModel, from_bundle, from_onnx, read_labels
from service.problems import ProblemError
from service.schemas import ModelUsed
from service.settings import Settings
from service.waiting import announcer

QUIET_S = 0.1
"""A service that ends goes on saying so for as long as somebody asked just now: what lies in its sockets is read."""

POLL_S = 0.01
"""Between two looks at whether anybody still uses a model that was replaced."""

QUEUED_BATCHES = 16
"""For each engine: longer waits help nobody, shorter lines refuse what a burst could still be answered."""

LEAST_QUEUED, MOST_QUEUED = 64, 1024
"""Windows; 5 s at 32 kHz take 0.64 MB each."""

WATCH_S = 0.5
"""Between two looks at whether an engine hangs."""

_log = logging.getLogger(__name__)


class State(StrEnum):
    """What `/readyz` says."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(eq=False)
class Serving:
    """One model at work."""

    model: ServedModel
    judge: Judge
    batcher: Batcher
    hearing: Hearing
    chosen_because: str
    users: int = 0
    """Requests that hold on to it; a model that is replaced goes when the last one has."""

    @cached_property
    def used(self) -> ModelUsed:
        """What answers, named exactly."""
        facts, model = self.batcher.facts, self.model
        return ModelUsed(
            name=model.name, version=model.version, sha256=facts.sha256, engine=facts.name, precision=facts.precision
        )

    def admit(self, deadline: float) -> None:
        """Refuse, before anything of it is read, what could not be answered in time."""
        self.hearing.admit(deadline)
        self.batcher.admit(1, deadline, coming=self.hearing.pending)

    def close(self, patience_s: float) -> bool:
        """Finish what was taken; False where that took too long."""
        finished = self.batcher.drain(patience_s)
        self.hearing.close()
        return finished


class Service:
    """What all routes share."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.keys = Keys(settings)
        self.uploads = Uploads(settings.max_upload_bytes)
        self.state = State.LOADING
        self.reason: str | None = None
        self.failure: Exception | None = None
        self.is_leaving = False
        """Still serving, but asking for no more."""
        self.in_flight = 0
        """Requests of any kind that are not answered yet."""
        self.accepted = 0
        """Those that hold on to a model: nothing of what was accepted is lost."""
        self._serving: Serving | None = None
        self._leaving: list[Serving] = []
        """Models that were replaced, and still answer what they have begun."""
        self._stop_by = math.inf
        self._reloading = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        metrics.watch(self)

    @property
    def serving(self) -> Serving:
        """The model at work; a problem where there is none or no new work is taken."""
        if self.state is State.DRAINING:
            raise LineClosed("draining")
        return self.at_work

    @property
    def at_work(self) -> Serving:
        """The same for whoever only asks about it, which is answered to the end."""
        if self._serving is None:
            raise NoEngine(
                "The model is still being loaded." if self.state is State.LOADING else "There is no model."
            )
        return self._serving

    @property
    def current(self) -> Serving | None:
        """The model at work, whatever the state."""
        return self._serving

    @property
    def is_ready(self) -> bool:
        """Whether a request would be taken."""
        return (
            self.state is State.READY
            and not self.is_leaving
            and self._serving is not None
            and self._serving.batcher.engines_at_work > 0
        )

    @contextmanager
    def using(self) -> Iterator[Serving]:
        """Hold on to the model at work, so that a reload does not take it away half-way."""
        serving = self.serving
        serving.users += 1
        self.accepted += 1
        try:
            yield serving
        finally:
            self.accepted -= 1
            serving.users -= 1

    async def load(self) -> None:
        """Have the model ready; an error if it cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._serving = await in_background(partial(self._opened, loop))
        except Exception as error:
            self.state, self.reason, self.failure = State.FAILED, str(error), error
            raise
        self._watcher = loop.create_task(self._watch())
        if self.state is State.LOADING:
            self.state = State.READY
        self._announce()
        settle_garbage()

    async def reload(self) -> Serving:
        """Serve what lies in the bundle's folder now. Requests go on with the old model until the new one is warm."""
        async with self._reloading:
            if self.state is not State.READY:
                raise ProblemError("unavailable", f"The service is {self.state}, so it does not reload.")
            try:
                self.keys.read()
                fresh = await in_background(partial(self._opened, asyncio.get_running_loop()))
            except EarshotError as error:
                _log.error("not reloaded, the old model goes on: %s", error)
                raise
            old, self._serving = self._serving, fresh
            self._announce()
            if old is not None:
                await self._retire(old)
            settle_garbage()
            return fresh

    async def drain(self) -> None:
        """Say that it is enough, take nothing new, and wait until all that was accepted is answered."""
        self.is_leaving = True
        await asyncio.sleep(self.settings.drain_delay_s)
        self.state = State.DRAINING
        self._stop_by = time.monotonic() + self.settings.grace_s
        busy = time.monotonic()
        while busy + QUIET_S > time.monotonic() and self.grace_left:
            await asyncio.sleep(POLL_S)
            if self.accepted or self.in_flight:
                busy = time.monotonic()

    def hurry(self) -> None:
        """Wait for nothing any more."""
        self._stop_by = time.monotonic()

    @property
    def grace_left(self) -> float:
        """Seconds in which the process may still finish what it has begun."""
        return max(0.0, self._stop_by - time.monotonic())

    async def close(self) -> bool:
        """Finish what was taken, and let go of the engines."""
        self.state = State.DRAINING
        if self._watcher is not None:
            self._watcher.cancel()
        serving, self._serving = self._serving, None
        patience = min(self.settings.grace_s, self.grace_left)
        return True if serving is None else await asyncio.to_thread(serving.close, patience)

    def deadline(self, timeout_ms: int | None) -> float:
        """On the clock of the line, for a request that came just now."""
        allowed = min(timeout_ms or self.settings.timeout_ms, self.settings.max_timeout_ms)
        return time.monotonic() + allowed / 1000

    async def _retire(self, old: Serving) -> None:
        """Let the last request that holds on to it end, then close it."""
        stop = time.monotonic() + self.settings.body_timeout_s + self.settings.max_timeout_ms / 1000
        self._leaving.append(old)
        try:
            while old.users and time.monotonic() < stop:
                await asyncio.sleep(POLL_S)
            await asyncio.to_thread(old.close, self.settings.grace_s)
        finally:
            self._leaving.remove(old)

    def _opened(self, loop: asyncio.AbstractEventLoop) -> Serving:
        model = open_model(self.settings)
        chosen = choose(model, self.settings)
        judge = Judge(model)
        most_waiting = self.settings.max_queue or _room_for(chosen.engines)
        bounds = Bounds(most_waiting, self.settings.hang_after_s)
        try:
            batcher = Batcher(chosen.engines, chosen.make, judge.rows, announcer(loop), bounds, self.metrics.batch)
        except BaseException:
            for engine in chosen.engines:
                engine.close()
            raise
        batcher.start()
        limits = Limits(max_seconds=self.settings.max_audio_s, max_bytes=self.settings.max_body_bytes)
        hearing = Hearing(model.sample_rate, limits, most_waiting)
        hearing.warm_up()
        return Serving(model, judge, batcher, hearing, chosen.reason)

    def _announce(self) -> None:
        serving = self._serving
        if serving is None:
            return
        facts, model = serving.batcher.facts, serving.model
        self.metrics.engine(serving)
        _log.info(
            "%s %s is served by %s %s in %s on %s: %s", model.name, model.version, facts.name, facts.version,
            facts.precision, facts.device, serving.chosen_because,
        )  # fmt: skip

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            for serving in (self._serving, *self._leaving):
                try:
                    if serving is not None:
                        serving.batcher.watch()
                except Exception:  # noqa: BLE001  (whatever it was, the next look must come)
                    _log.exception("an engine could not be replaced; the next look is soon")


def _room_for(engines: Sequence[Engine]) -> int:
    batches = QUEUED_BATCHES * len(engines[0].staging) * len(engines)
    return max(LEAST_QUEUED, min(MOST_QUEUED, batches))


def open_model(settings: Settings) -> ServedModel:
    """The bundle, or the bare graph, that the settings name."""
    if settings.model is None:
        return from_bundle(find_bundle(settings.bundle))
    labels = read_labels(settings.labels) if settings.labels else ()
    return from_onnx(Path(settings.model), settings.sample_rate, labels, settings.window_s)
