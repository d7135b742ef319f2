"""HTTP on one connection: uvicorn's, with the bounds that it lacks.

On heads and trailers that never end, on requests sent ahead, on bodies that nobody wants any more, and on answers
that nobody reads. Whoever is refused can still read why, while what it goes on sending stays within bounds.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.problems import ProblemError, problem_response

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's line and headers; browsers and proxies stay below 16 KiB."""

SEPARATORS = 4
"""Bytes around a header: a colon, a space, and the end of the line."""

MOST_AHEAD = 32
"""Requests that may wait on one connection for the answer to an earlier one; few clients send any."""

LINGER_BYTES = 16 * 2**20
LINGER_S = 5.0
"""What nobody wants any more is still read so far and so long, or its sender would never see the answer."""

UNREAD_S = 60.0
"""An answer that its client does not read is kept so long: enough for a megabyte at 20 kB/s."""


class Refused(Exception):  # noqa: N818  (it says what happened)
    """Raised inside of the parser, which then stops where it is."""


class Protocol(HttpToolsProtocol):
    """One connection. `protocol_with` makes a class of it that knows the settings."""

    header_timeout_s = 10.0
    max_connections = 10_000

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (uvicorn's own)
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._in_head = False
        self._in_body = False
        self._has_offer = False
        """The head at hand offers another protocol than those that are spoken here."""
        self._is_leaving = False
        """What arrives now is no request any more: it is thrown away."""
        self._named = 0
        """Bytes of the line and of all headers and trailers that are whole."""
        self._allowed = LARGEST_HEAD
        """Bytes that may still come without being part of a body."""
        self._unwanted = 0
        self._complaint = ProblemError("invalid_request", "This is not a request in HTTP/1.1.")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Whoever says nothing at all is not kept."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._answer(ProblemError("overloaded", "Too many connections are open.", retry_after=1.0))
            self._close()
            return
        self._after(self.timeout_keep_alive, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to time."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bounded in what is no body; the rest is the application's to bound."""
        if self._is_leaving:
            self._throw_away(len(data))
            return
        self._allowed -= len(data)
        self._unset_keepalive_if_required()
        while data:
            data = self._parsed(data)
        if self.transport.is_closing() or self._is_leaving or self.transport.get_protocol() is not self:
            return
        if self._allowed < 0:
            self._refuse(_head_too_long())
        elif not (self._in_head or self._in_body) and (self.cycle is None or self.cycle.response_complete):
            self._after(self.timeout_keep_alive, self._close)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head, self._named, self._allowed = True, 0, LARGEST_HEAD
        self._after(self.header_timeout_s, self._head_is_late)

    def on_url(self, url: bytes) -> None:
        """A part of it."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a body in chunks."""
        self._count(len(name) + len(value) + SEPARATORS)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole; one with an offer is read again without it."""
        self._stop_timer()
        self._has_offer = self.parser.should_upgrade() and self._get_upgrade() not in {None, b"websocket"}
        if self._has_offer:
            return
        super().on_headers_complete()
        self._in_head, self._in_body, self._unwanted = False, True, 0
        if self.cycle is not None:
            self.cycle.transport = _Door(self)
        if len(self.pipeline) > MOST_AHEAD:
            self._complaint = ProblemError("overloaded", "Too many requests were sent ahead.", retry_after=1.0)
            raise Refused

    def on_body(self, body: bytes) -> None:
        """A part of it; as much again is allowed for what separates the parts."""
        self._allowed += 2 * len(body)
        if self.cycle is not None and self.cycle.response_complete:
            self._throw_away(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._in_body = False
        if not self._has_offer:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Some answers come before the whole body: what still arrives of it is thrown away."""
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            self._after(LINGER_S, self._close)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read most of it."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for a long time."""
        self._close()

    def leave(self) -> None:
        """Close, but not before whoever is still sending has had a chance to read the answer."""
        self.pipeline.clear()
        if not self._in_body and not self._in_head:
            self._close()
            return
        self._is_leaving = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._after(LINGER_S, self._close)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        async def to_its_end(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)  # type: ignore[arg-type]
            except asyncio.CancelledError:  # the process ends, and waits no longer
                if not cycle.response_started:
                    await problem_response(_ended(), None)(scope, receive, send)
                cycle.disconnected = True

        self._running = cycle
        super()._start_asgi_task(cycle, to_its_end)  # type: ignore[arg-type]

    def _parsed(self, data: bytes) -> bytes:
        """Read this; what it gives back is to be read next."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as end_of_head:
            if not self._has_offer:
                self.handle_websocket_upgrade()
                return b""
            return self._head_without_offer() + data[end_of_head.args[0] :]
        except httptools.HttpParserError:
            self._refuse(self._complaint)
        return b""

    def _head_without_offer(self) -> bytes:
        """Some clients offer HTTP/2 with every request, and the parser passes over the bodies of those that do."""
        line = b"%s %s HTTP/1.1" % (self.parser.get_method(), self.url)
        headers = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([line, *headers, b"", b""])

    def _refuse(self, problem: ProblemError) -> None:
        """No more is read from this connection. What came before on it is answered first."""
        broken = self.cycle if self._in_body else None
        before = self.cycle if broken is None else None
        if broken is not None and broken is not self._running:
            self.pipeline.popleft()
            before = self.pipeline[0][0] if self.pipeline else self._running
        if before is not None and not before.response_complete:
            before.keep_alive = False
            self._is_leaving = True
            return
        if broken is None or not broken.response_started:
            self._answer(problem)
        if broken is not None:
            broken.disconnected = True
            broken.message_event.set()
        self.leave()

    def _answer(self, problem: ProblemError) -> None:
        """Outside of any request, so without its id."""
        answer = problem_response(problem, None)
        lines = [STATUS_LINE[answer.status_code], b"connection: close\r\n"]
        lines += [b"%s: %s\r\n" % header for header in answer.raw_headers]
        self.transport.write(b"".join([*lines, b"\r\n", answer.body]))

    def _count(self, size: int) -> None:
        self._named += size
        if self._named > LARGEST_HEAD:
            self._complaint = _head_too_long()
            raise Refused

    def _throw_away(self, size: int) -> None:
        self._unwanted += size
        if self._unwanted > LINGER_BYTES:
            self._close()

    def _head_is_late(self) -> None:
        self._refuse(
            ProblemError(
                "deadline_exceeded", f"The head of the request did not come within {self.header_timeout_s:g} s.", 408
            )
        )

    def _close(self) -> None:
        self._stop_timer()
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)
        self.transport.close()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Door(asyncio.Transport):
    """The transport as a request sees it, which closes it without knowing what its client still sends."""

    def __init__(self, protocol: Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.write = protocol.transport.write  # type: ignore[method-assign]
        self.is_closing = protocol.transport.is_closing  # type: ignore[method-assign]

    def close(self) -> None:
        """Not before the answer can have been read."""
        self._protocol.leave()


def protocol_with(header_timeout_s: float, max_connections: int) -> type[Protocol]:
    """The class that uvicorn is to make connections of."""
    return type("Protocol", (Protocol,), {"header_timeout_s": header_timeout_s, "max_connections": max_connections})


def _ended() -> ProblemError:
    return ProblemError("draining", "The service ended before this was answered.", retry_after=1.0)


def _head_too_long() -> ProblemError:
    return ProblemError("invalid_request", f"The head of the request is longer than {LARGEST_HEAD:,} bytes.", 431)
