"""A WebSocket connection: uvicorn's, with the bounds that it lacks.

On floods of tiny frames, which take turns with all other work, on messages in crumbs, on long heads, and on clients
that do not read. Whatever a client sends is no fault of the service, nor logged as one.
"""

import asyncio
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

PATIENCE_S = 10.0
"""What was sent and not read for so long will not be read: without an end, it would hold up the service's end."""

SLICE = 1024
"""Bytes that are parsed at once: at most 170 frames, a millisecond's work, and a thousandth of a large message."""

MOST_FRAMES = 64
"""In one turn. A message ends it anyway; nobody has so many pings, or parts of a message, to send at a time."""

REST_S = 0.05
"""Until the next turn of a client that does: all its pings take a fortieth of the event loop."""

MOST_PARTS = 4096
"""Of one message: each takes memory, even an empty one. Whoever sends in parts sends a kilobyte or more in each."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (uvicorn's own)
        super().__init__(*args, **options)
        self._unparsed = bytearray()
        self._frames = 0
        self._next_turn: asyncio.Handle | None = None
        self._letting_go: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Parsed at once, unless there are too many frames in it."""
        self._unparsed += data
        if self._next_turn is None:
            self._take_turn()

    def pause_writing(self) -> None:
        """More was sent than the client has read."""
        super().pause_writing()
        self._letting_go = self.loop.call_later(PATIENCE_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._keep()
        super().resume_writing()
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to wait for."""
        self._keep()
        if self._next_turn is not None:
            self._next_turn.cancel()
        super().connection_lost(exc)

    async def receive(self) -> ASGIReceiveEvent:
        """The next message; no more are parsed before the last one is taken."""
        message = await self.queue.get()
        if self.queue.empty():
            self._go_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """To the client."""
        await super().send(message)
        if self.close_sent:
            self.handshake_complete = True  # by a refusal as well, which uvicorn takes for a fault
            self._go_on()

    def handle_events(self) -> None:
        """All frames that were just parsed."""
        self._frames += len(self.conn.events)
        super().handle_events()

    def handle_cont(self, event: Frame) -> None:
        """A part of a message."""
        super().handle_cont(event)
        if len(self.frames) > MOST_PARTS:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many parts")

    def send_receive_event_to_app(self) -> None:
        """The message is whole; uvicorn logs a text that is none with a traceback."""
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self._fail(CloseCode.INVALID_DATA, "text must be UTF-8")
        else:
            super().send_receive_event_to_app()

    def _take_turn(self) -> None:
        self._next_turn = None
        self._frames = 0
        while self._has_work() and self._frames < MOST_FRAMES:
            data = bytes(self._unparsed[:SLICE])
            del self._unparsed[:SLICE]
            super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_head()
        if self.transport.is_closing():
            return
        if self._has_work():
            self._next_turn = self.loop.call_later(REST_S, self._take_turn)
        self._read_if_all_is_done()

    def _has_work(self) -> bool:
        """Not while the application or the client has enough to read already."""
        is_awaited = self.writable.is_set() and (self.close_sent or self.queue.empty())
        return is_awaited and bool(self._unparsed) and not self.transport.is_closing()

    def _go_on(self) -> None:
        if self._next_turn is None and not self.disconnected:
            self._next_turn = self.loop.call_soon(self._take_turn)

    def _read_if_all_is_done(self) -> None:
        is_done = not self._unparsed and (self.close_sent or self.queue.empty())
        if is_done and self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        elif self._unparsed and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _refuse_head(self) -> None:
        """It was short enough for HTTP, but not for this parser, whose answer uvicorn leaves lying for ever."""
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def _keep(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
