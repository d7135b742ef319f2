"""A live stream's socket: what comes, what is said, and how long either may take."""

import asyncio
import time
from typing import Any

from pydantic_core import to_json
from starlette.websockets import WebSocket, WebSocketDisconnect

from service.stream.messages import Ended, Heard, Ready, Trouble
from service.waiting import ClientGone

SEND_S = 10.0
"""A client that lets a message wait for so long does not read."""


class Wire:
    """An accepted socket. Whatever is sent to a client that left, or does not read, raises ClientGone."""

    def __init__(self, socket: WebSocket, send_s: float = SEND_S) -> None:
        self._socket = socket
        self._send_s = send_s
        self._listening_since: float | None = None

    @property
    def quiet_s(self) -> float:
        """How long nothing has come, though somebody listened."""
        return 0.0 if self._listening_since is None else time.monotonic() - self._listening_since

    async def receive(self) -> str | bytes | None:
        """The next message that is not empty; None where there will be no more.

        Empty ones are passed over: they hold no sound, and whoever sends nothing else is quiet.
        """
        self._listening_since = time.monotonic()
        message = await self._socket.receive()
        while message.get("bytes") == b"":
            await asyncio.sleep(0)  # one that lies ready already comes without letting anybody else in between
            message = await self._socket.receive()
        self._listening_since = None
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        return bytes(message["bytes"]) if text is None else text

    async def say(self, message: Ready | Heard | Trouble | Ended) -> None:
        """Not before the client has read most of what was said before."""
        await self._send({"type": "websocket.send", "text": to_json(message).decode()})

    async def close(self, code: int, reason: str) -> None:
        """Nothing more will be said."""
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._send_s):
                await self._socket.send(message)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):  # the second: a close frame came in between
            raise ClientGone from None
