"""One connection of a client that measures: a request at a time, and the moment at which its answer was whole.

It can misbehave too: send half a request, or hang up. What is sent and what an answer means is not its concern.
"""

import asyncio
import time
from dataclasses import dataclass

import httptools

HOST = "127.0.0.1"
CLASSIFY = "/v1/classify"


class Lost(ConnectionError):  # noqa: N818  (it says what happened)
    """The connection ended without an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    at: float
    """When its last byte was here, on `time.perf_counter`."""


class Connection(asyncio.Protocol):
    """Keep-alive HTTP/1.1 to the service."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._ended = asyncio.Event()
        self._transport: asyncio.Transport

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """A request, or a part of one."""
        if self._answer is None:
            self._answer = self._loop.create_future()
            if not self.is_open:
                self._answer.set_exception(Lost())
        self._transport.write(data)

    async def answer(self) -> Answer:
        """To the request that was sent; Lost where none will come."""
        assert self._answer is not None, "nothing was sent"  # noqa: S101  (a bug of the caller)
        try:
            return await self._answer
        finally:
            self._answer = None

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request and wait for its answer."""
        self.send(request)
        return await self.answer()

    def give_up(self) -> None:
        """Whoever waits for an answer waits no longer: TimeoutError."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(TimeoutError())

    async def drained(self) -> None:
        """All that was sent is out: some answers come before the service has read the body."""
        await self._drained.wait()

    def hang_up(self) -> None:
        """At once, whatever is on its way."""
        self._transport.abort()

    async def close(self) -> None:
        """Hang up, and wait until that is done."""
        if self._answer is not None:
            self._answer.cancel()
        self.hang_up()
        await self._ended.wait()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Be told about every byte that does not go out at once."""
        self._transport = transport
        transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody need wait any more."""
        self._drained.set()
        self._ended.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Lost(*exc.args if exc else ()))

    def pause_writing(self) -> None:
        """Bytes are waiting to go out."""
        self._drained.clear()

    def resume_writing(self) -> None:
        """They are out."""
        self._drained.set()

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_body(self, part: bytes) -> None:
        """Called by the parser."""
        self._body += part

    def on_message_complete(self) -> None:
        """Called by the parser."""
        now = time.perf_counter()
        body, self._body = bytes(self._body), bytearray()
        if self._answer is None:  # nothing was asked: the service says good-bye
            self._transport.abort()
            return
        if not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), body, now))
        if not self._parser.should_keep_alive():
            self._transport.close()


async def connect(port: int, host: str = HOST) -> Connection:
    """A new connection to the service, on this machine by default; an OSError where nobody listens."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return connection


def post(body: bytes, content_type: str = "audio/wav", path: str = CLASSIFY, *fields: str, host: str = HOST) -> bytes:
    """A request as it goes over the wire."""
    head = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {content_type}", *fields]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body
