"""Where the bytes of a connection come in: a head goes to the parser, a body straight to where it is decoded.

On the usual road each byte of a body is copied five times: out of the loop's buffer, out of the parser, into the
request, out of it, and into one piece. Here the system writes where the decoder reads. A head is read in small
pieces, so that little of its body comes with it; the rest waits in the system until the request is admitted.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import httptools
import numpy as np
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

READ_WHOLE, DEPARTING = "earshot.read_whole", "earshot.departing"
"""Extensions of a request's scope: what can be asked of its connection, where it is one of ours."""

LARGEST = 2**20
"""Bytes of a body that is read whole. What is larger comes in pieces: memory grows only with what has come."""

HALL_BYTES, DESK_BYTES = 256 * 1024, 16 * 1024
"""Read at once of what comes in pieces; and of a head, of which few are longer."""

Take = Callable[[int], None]
"""Told how many bytes have come; raises where there is no room for them."""

ReadWhole = Callable[[Take], Awaitable[memoryview]]
"""The body; `ClientDisconnect` where it does not come."""

Departing = Callable[[Callable[[], None]], Callable[[], object]]
"""Told what to do when the client hangs up; gives a way to take that back."""


def way_to_read_whole(scope: Mapping[str, Any]) -> ReadWhole | None:
    """Of this request's body, where there is one: its length is known, and it is not too long."""
    return cast("ReadWhole | None", scope.get("extensions", {}).get(READ_WHOLE))


def way_to_be_told(scope: Mapping[str, Any]) -> Departing | None:
    """That this request's client has hung up, without asking for it all the time."""
    return cast("Departing | None", scope.get("extensions", {}).get(DEPARTING))


class _Hall(threading.local):
    """Where what comes in pieces lands first, for all connections of a loop, as each piece is taken out at once."""

    def __init__(self) -> None:
        self.all = memoryview(bytearray(HALL_BYTES))
        self.desk = self.all[:DESK_BYTES]


_hall = _Hall()


class ReceptionProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a reception in front."""

    _in_body: bool
    _running: RequestResponseCycle | None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """From here on, the loop writes where the reception says."""
        super().connection_made(transport)
        self._departure: Callable[[], None] | None = None
        self._to_come = 0
        self.reception = Reception(self)
        transport.set_protocol(self.reception)

    def on_headers_complete(self) -> None:
        """A body of known length is not read on before somebody asks for it."""
        super().on_headers_complete()
        if self.pipeline:
            return
        size = _declared(self.headers)
        extensions = cast("dict[str, Any]", self.scope).setdefault("extensions", {})
        extensions[DEPARTING] = self._departing  # of the request that runs: one named here would hold itself for ever
        self._to_come = 0  # where it is not known
        if size is not None and 0 < size <= LARGEST:
            self._to_come = size
            extensions[READ_WHOLE] = self._read_whole
            self.flow.pause_reading()

    def on_body(self, body: bytes) -> None:
        """A part that the parser has seen."""
        self._to_come -= len(body)
        super().on_body(body)

    @property
    def is_in_body(self) -> bool:
        """Whether what comes belongs to a body."""
        return self._in_body

    def unwanted(self, size: int) -> None:
        """Bytes have come that nobody wants any more."""
        raise NotImplementedError

    def body_is_over(self, cycle: RequestResponseCycle) -> None:
        """It did not pass the parser, which still waits for it: a new one begins behind it."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # like uvicorn's
        self._in_body = False
        cycle.more_body = False

    def read_past(self, cycle: RequestResponseCycle) -> None:
        """The body of a request that was answered without it: what is left, if it is known, needs no parser."""
        if self._to_come > 0:
            self.reception.expect(cycle, self._to_come, bytearray(), lambda _: None).cancel()

    def let_go(self, cycle: RequestResponseCycle) -> None:
        """Nobody reads its answer: what works on it is told, and must not write."""
        cycle.disconnected = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if self._departure is not None:
            self._departure()

    def _departing(self, act: Callable[[], None]) -> Callable[[], object]:
        if self._running is None or self._running.disconnected:
            act()
        else:
            self._departure = act
            self.flow.resume_reading()  # or nobody would notice
        return self._stays

    def _stays(self) -> None:
        self._departure = None

    async def _read_whole(self, take: Take) -> memoryview:
        cycle = self._running
        if cycle is None or cycle.disconnected or self.transport.is_closing():
            raise ClientDisconnect
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        begun, cycle.body = cycle.body, bytearray()
        size, self._to_come = self._to_come + len(begun), 0
        take(len(begun))
        if not cycle.more_body:  # it came with its head
            return memoryview(begun)
        body = self.reception.expect(cycle, size, begun, take)
        self.flow.resume_reading()
        return await body


class Reception(asyncio.BufferedProtocol):
    """What the loop sees of a connection."""

    def __init__(self, connection: ReceptionProtocol) -> None:
        self._connection = connection
        self._body: _Body | None = None

    def expect(
        self, cycle: RequestResponseCycle, size: int, begun: bytearray, take: Take
    ) -> "asyncio.Future[memoryview]":
        """What comes next is the rest of this body, until it is whole, whether or not it is still wanted then."""
        self._body = _Body(cycle, size, begun, take)
        return self._body.whole

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (the loop's own idea of it)
        """Where the system is to write. What is sent behind a body is not read with it."""
        if self._body is not None:
            return self._body.place
        return _hall.all if self._connection.is_in_body else _hall.desk

    def buffer_updated(self, nbytes: int) -> None:
        """It has written."""
        body = self._body
        if body is None:
            self._connection.data_received(bytes(_hall.all[:nbytes]))
            return
        is_wanted = body.add(nbytes)
        if not body.left:
            self._body = None
            self._connection.body_is_over(body.cycle)
            body.finish()
        if not is_wanted:
            self._connection.unwanted(nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """What is missing will not come."""
        if self._body is not None:
            self._body.fail(ClientDisconnect())
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """It has read most of it."""
        self._connection.resume_writing()


class _Body:
    """A body that comes in. Once nobody waits for it any more, only what is left of it is counted."""

    def __init__(self, cycle: RequestResponseCycle, size: int, begun: bytearray, take: Take) -> None:
        self.cycle = cycle
        self.left = size - len(begun)
        self.whole: asyncio.Future[memoryview] = asyncio.get_running_loop().create_future()
        self.whole.add_done_callback(self._let_go)
        self._take = take
        self._all = memoryview(np.empty(size, np.uint8))  # type: ignore[arg-type]  # not zeroed: it is written once
        self._all[: len(begun)] = begun

    @property
    def place(self) -> memoryview:
        """Of what comes next."""
        return _hall.all[: self.left] if self.whole.done() else self._all[-self.left :]

    def add(self, size: int) -> bool:
        """So much more has come; whether somebody waits for it."""
        self.left -= size
        if self.whole.done():
            return False
        try:
            self._take(size)
        except Exception as error:  # noqa: BLE001  (for whoever waits)
            self.whole.set_exception(error)
        return True

    def finish(self) -> None:
        """It is whole."""
        if not self.whole.done():
            self.whole.set_result(self._all)

    def fail(self, error: Exception) -> None:
        """It will not be."""
        if not self.whole.done():
            self.whole.set_exception(error)

    def _let_go(self, _: "asyncio.Future[memoryview]") -> None:
        """Of the memory; whoever was given it has it."""
        self._all = memoryview(b"")


def _declared(headers: list[tuple[bytes, bytes]]) -> int | None:
    """The length that a head gives for its body; None where it gives none, or says that it comes in chunks."""
    told = dict(headers)
    size = told.get(b"content-length", b"")
    return int(size) if size.isdigit() and len(size) < 10 and b"transfer-encoding" not in told else None
