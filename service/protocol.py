"""HTTP on one connection: uvicorn's, with the bounds that it lacks.

On heads and trailers that never end, on requests sent ahead, on bodies that nobody wants any more, and on answers
that nobody reads. Whoever is refused can still read why, while what it goes on sending stays within bounds. What is
offered beside HTTP/1.1 is seen to in `upgrades`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service import refusals
from service.patience import PatientProtocol
from service.problems import ProblemError, problem_response
from service.reception import ReceptionProtocol
from service.upgrades import UpgradingProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's line and headers; browsers and proxies stay below 16 KiB."""

SEPARATORS = 4
"""Bytes around a header: a colon, a space, and the end of the line."""

MOST_AHEAD = 32
"""Requests that may wait on one connection for the answer to an earlier one; few clients send any."""

LINGER_BYTES = 16 * 2**20
"""What nobody wants any more is still read at least so far, or its sender would never see the answer: many send all
before they look for one. Where larger bodies may be sent, as far as those."""

LINGER_S = 30.0
"""And so long, which is enough for 64 MiB at 20 Mbit/s: nothing of it is kept, so a slow sender costs little."""


class Refused(Exception):  # noqa: N818  (it says what happened)
    """Raised inside of the parser, which then stops where it is."""


class Protocol(ReceptionProtocol, UpgradingProtocol, PatientProtocol):
    """One connection. `protocol_with` makes a class of it that knows the settings."""

    header_timeout_s: float
    max_connections: int
    linger_bytes: int
    refused: Callable[[str, int], None]
    refusal: Callable[[Mapping[str, Any]], ProblemError | None]

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (uvicorn's own)
        super().__init__(*args, **options)
        self._running: RequestResponseCycle | None = None
        self._in_head = False
        self._in_body = False
        self._is_leaving = False
        """What arrives now is no request any more: it is thrown away."""
        self._is_ending = False
        """The whole service does: nobody is waited for who has been answered."""
        self._named = 0
        """Bytes of the line and of all headers and trailers that are whole."""
        self._allowed = LARGEST_HEAD
        """Bytes that may still come without being part of a body."""
        self._unwanted = 0
        self._complaint = refusals.no_http()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Whoever says nothing at all is not kept."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._answer(refusals.too_many_connections())
            self._close()
            return
        self._after(self.timeout_keep_alive, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to answer."""
        if self._running is not None:  # uvicorn tells only the newest, which may wait behind it
            self.let_go(self._running)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bounded in what is no body; the rest is the application's to bound."""
        if self._is_leaving:
            self._throw_away(len(data))
            return
        self._allowed -= len(data)
        self._unset_keepalive_if_required()
        try:
            self.feed(data)
        except httptools.HttpParserError:
            self._refuse(self._complaint)
        except ProblemError as problem:
            self._refuse(problem)
        if self.transport.get_protocol() is not self.reception:  # a WebSocket, with a clock of its own
            self._stop_timer()
            return
        if self.transport.is_closing() or self._is_leaving:
            return
        if self._allowed < 0:
            self._refuse(refusals.head_too_long(LARGEST_HEAD))
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
        """The head is whole. One with an offer is not done with: its time runs on until it is read again."""
        if self.parser.should_upgrade():
            return
        self._stop_timer()
        super().on_headers_complete()
        self._in_head, self._in_body, self._unwanted = False, True, 0
        self.cycle.transport = _Door(self)
        if self.pipeline:
            self._bound_what_is_ahead()

    def on_body(self, body: bytes) -> None:
        """A part of it; as much again is allowed for what separates the parts."""
        self._allowed += 2 * len(body)
        if self.cycle is not None and self.cycle.response_complete:
            self._throw_away(len(body))
        super().on_body(body)

    def unwanted(self, size: int) -> None:
        """Bytes have come that nobody wants any more."""
        self._throw_away(size)

    def body_is_over(self, cycle: RequestResponseCycle) -> None:
        """Where nobody waited for it any more, the next request is waited for."""
        super().body_is_over(cycle)
        if cycle.response_complete and not (self.transport.is_closing() or self._is_leaving):
            self._after(self.timeout_keep_alive, self._close)

    def on_message_complete(self) -> None:
        """The body is whole; there is none behind a head with an offer."""
        if self._in_body:
            self._in_body = False
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Some answers come before the whole body: what still arrives of it is thrown away."""
        if self._running is not None:
            cast("_Door", self._running.transport).flush()
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            self._unset_keepalive_if_required()
            self.read_past(self.cycle)
            self._after(LINGER_S, self._close)

    def shutdown(self) -> None:
        """The service ends. Whoever has nothing more to expect is not waited for."""
        super().shutdown()
        self._is_ending = True
        running = self._running
        if self._is_leaving and (running is None or running.response_complete or running.disconnected):
            self._close()

    def leave(self) -> None:
        """Close, but not before whoever is still sending has had a chance to read the answer."""
        self.pipeline.clear()
        if self._is_ending or not (self._in_body or self._in_head):
            self._close()
            return
        self._is_leaving = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._after(LINGER_S, self._close)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if (problem := self.refusal(cycle.scope)) is not None:
            app = cast("ASGI3Application", refusals.as_app(problem))

        async def to_its_end(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)  # type: ignore[arg-type]
            except asyncio.CancelledError:  # the process ends, and waits no longer
                if not cycle.response_started:
                    await problem_response(refusals.ended(), None)(scope, receive, send)
                cycle.disconnected = True

        self._running = cycle
        super()._start_asgi_task(cycle, to_its_end)  # type: ignore[arg-type]

    def _bound_what_is_ahead(self) -> None:
        """Read on, or nobody would notice that the client hangs up, unless much is held already."""
        if len(self.pipeline) > MOST_AHEAD:
            self._complaint = refusals.too_many_ahead()
            raise Refused
        if sum(len(cycle.body) for cycle, _ in self.pipeline) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

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
            self._stop_timer()
            self.refused(problem.code, problem.status)
            return
        if broken is None or not broken.response_started:
            self._answer(problem)
        if broken is not None:
            self.let_go(broken)
        self.leave()

    def _answer(self, problem: ProblemError) -> None:
        """Outside of any request, so without its id."""
        self.refused(problem.code, problem.status)
        self.transport.write(refusals.as_http(problem))

    def _count(self, size: int) -> None:
        self._named += size
        if self._named > LARGEST_HEAD:
            self._complaint = refusals.head_too_long(LARGEST_HEAD)
            raise Refused

    def _throw_away(self, size: int) -> None:
        self._unwanted += size
        if self._unwanted > self.linger_bytes:
            self._close()

    def _head_is_late(self) -> None:
        if self.flow.read_paused:  # not by any fault of the client
            self._after(self.header_timeout_s, self._head_is_late)
            return
        self._refuse(refusals.head_too_late(self.header_timeout_s))


class _Door(asyncio.Transport):
    """The transport as a request sees it, which closes it without knowing what its client still sends."""

    def __init__(self, protocol: Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._is_begun = False
        self._head = b""
        self.is_closing = protocol.transport.is_closing  # type: ignore[method-assign]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The head of an answer goes out with what comes first of its body: one packet, one call of the system."""
        running = self._protocol._running
        if running is not None and running.response_started and not self._is_begun:
            self._is_begun, self._head = True, bytes(data)
            self._protocol.loop.call_soon(self.flush)  # a body that takes its time is not waited for
            return
        head, self._head = self._head, b""
        self._protocol.transport.write(head + data if head else data)

    def flush(self) -> None:
        """An answer without a body is all head."""
        if self._head and not self.is_closing():
            self.write(b"")

    def close(self) -> None:
        """Not before the answer can have been read."""
        self.flush()
        self._protocol.leave()


def protocol_with(
    header_timeout_s: float,
    max_connections: int,
    max_body_bytes: int,
    refused: Callable[[str, int], None],
    refusal: Callable[[Mapping[str, Any]], ProblemError | None] = lambda _: None,
) -> type[Protocol]:
    """The class that uvicorn is to make connections of.

    `refused` is told code and status of what no request's trace tells of; `refusal` says whom to refuse, by scope.
    """
    known = {
        "header_timeout_s": header_timeout_s, "max_connections": max_connections,
        "linger_bytes": max(LINGER_BYTES, max_body_bytes),
        "refused": staticmethod(refused), "refusal": staticmethod(refusal),
    }  # fmt: skip
    return type("Protocol", (Protocol,), known)
