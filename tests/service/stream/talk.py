"""Both ends of a live stream without a socket between, and a service whose engine does as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from service import serving
from service.engines.choose import Chosen
from service.metrics import Metrics
from service.model import ServedModel
from service.serving import Service
from service.settings import Settings
from service.stream.farewell import Farewell
from service.stream.live import LiveStream
from service.stream.wire import Wire
from tests.service.engines.fakes import SAMPLES, Works
from tests.service.stream.sound import f32

RATE = 4000
HOP_S = 0.1
HOP = 400
"""Samples; each hop is known by the value that it is filled with, and longer than the fake's window."""
PATIENCE_S = 20.0


def play(scene: Coroutine[None, None, None]) -> None:
    """Run it to its end."""
    asyncio.run(asyncio.wait_for(scene, 2 * PATIENCE_S))


def model(version: str = "1", sample_rate: int = RATE) -> ServedModel:
    """What the fake engine runs."""
    return ServedModel("fake", version, ("sum", "first"), sample_rate, SAMPLES, 100.0, ())


@asynccontextmanager
async def service_with(works: Works, patch: pytest.MonkeyPatch, **settings: object) -> AsyncIterator[Service]:
    """A service at work with one fake engine."""
    patch.setattr(serving, "open_model", lambda _: model())
    patch.setattr(serving, "choose", lambda *_: Chosen(works.ready(), works.make, "it is a fake"))
    service = Service(Settings.model_validate(settings), Metrics())
    await service.load()
    try:
        yield service
    finally:
        works.open()
        await service.close()


def hop(value: float) -> bytes:
    """One hop of sound."""
    return f32(np.full(HOP, value))


class Talk:
    """One live stream, seen by its client."""

    def __init__(self, service: Service, *, send_s: float = PATIENCE_S) -> None:
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self._socket = WebSocket({"type": "websocket", "headers": []}, self._incoming.get, self._send)
        self._wire = Wire(self._socket, send_s)
        self.live = LiveStream(self._wire, service, "abc")
        self._running: asyncio.Task[Farewell] | None = None

    async def begin(self, **fields: object) -> dict[str, Any]:
        """Open it; what the service says first."""
        await self.accept()
        self.text({"format": "f32le", "sample_rate": RATE, "hop_s": HOP_S, "smoothing": 0.0} | fields)
        return await self.next()

    async def accept(self) -> None:
        """The socket is open, nothing is said."""
        self._incoming.put_nowait({"type": "websocket.connect"})
        await self._socket.accept()
        self._said.get_nowait()
        self._running = asyncio.create_task(self.live.run())

    def text(self, message: dict[str, Any]) -> None:
        """Say something."""
        self._incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def sound(self, *values: float) -> None:
        """Send hops, each in a message."""
        for value in values:
            self.sound_of(hop(value))

    def sound_of(self, data: bytes) -> None:
        """Send one message of bytes."""
        self._incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    async def heard(self) -> None:
        """Come back when the service has taken all that was sent."""
        while not self._incoming.empty() or not self._wire.quiet_s:
            await asyncio.sleep(0.001)

    def leave(self) -> None:
        """Hang up."""
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def next(self) -> dict[str, Any]:
        """What the service says next; a close frame as {"close": code}."""
        message = await asyncio.wait_for(self._said.get(), PATIENCE_S)
        if message["type"] == "websocket.close":
            return {"close": message["code"], "reason": message["reason"]}
        told: dict[str, Any] = json.loads(message["text"])
        return told

    async def rest(self) -> list[dict[str, Any]]:
        """All up to the close frame."""
        messages = [await self.next()]
        while "close" not in messages[-1]:
            messages.append(await self.next())
        return messages

    async def end(self) -> Farewell:
        """How it ended."""
        assert self._running
        return await asyncio.wait_for(self._running, PATIENCE_S)

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self._said.put_nowait(message)
