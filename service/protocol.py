"""HTTP on one connection: uvicorn's, with the bounds it lacks on heads that never end and on bodies nobody wants."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.problems import PROBLEM_JSON, ProblemError, problem_body

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's line and headers; browsers and proxies stay below 16 KiB."""

LINGER_BYTES = 16 * 2**20
LINGER_S = 5.0
"""A body that nobody wants any more is still read so far and so long, or its sender would never see the answer."""


class Protocol(HttpToolsProtocol):
    """One connection. `protocol_with` makes a class of it that knows the settings."""

    header_timeout_s = 10.0
    max_connections = 10_000

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (uvicorn's own)
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self._unwanted = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Whoever says nothing at all is not kept."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
            return
        self._close_after(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to time."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what has not ended yet."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > LARGEST_HEAD:
            self.send_400_response("The head of the request is too long.")
        elif self._in_body and self.cycle.response_complete:
            self._unwanted += len(data)
            if self._unwanted > LINGER_BYTES:
                self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._close_after(self.header_timeout_s)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._in_body, self._unwanted = False, True, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._in_body = False
        if self.cycle is not None and self.cycle.response_complete:
            self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Some answers come before the whole body: what still arrives of it is thrown away."""
        super().on_response_complete()
        if self._in_body:
            self._close_after(LINGER_S)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, answered like everything else."""
        body = problem_body(ProblemError("invalid_request", msg), None).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {PROBLEM_JSON}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _close_after(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol_with(header_timeout_s: float, max_connections: int) -> type[Protocol]:
    """The class that uvicorn is to make connections of."""
    return type("Protocol", (Protocol,), {"header_timeout_s": header_timeout_s, "max_connections": max_connections})
