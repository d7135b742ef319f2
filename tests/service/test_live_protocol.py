"""WebSocket connections of clients that no library would make, against a real process and without a socket."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from threading import Event, Thread

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from service.live_protocol import MOST_FRAMES, MOST_PARTS, SLICE, LiveProtocol
from tests.service.process import Process, running
from tests.service.stream.talk import play
from tests.service.stream.wires import HANDSHAKE, PATIENCE_S, begin, dial, rest
from tests.service.wire import request, wire

SMALLEST = 6
"""Bytes of a frame from a client."""


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    """As a client sends it."""
    return Frame(opcode, data, fin).serialize(mask=True)


@contextmanager
def flooded(server: Process, frames: bytes) -> Iterator[None]:
    """A stream on which these come again and again, as fast as they are read."""
    is_full = Event()

    def flood(line: socket.socket) -> None:
        try:
            while True:
                line.sendall(frames)
                is_full.set()
        except OSError:
            is_full.set()

    with dial(server) as stream:
        begin(stream)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(frames) // 4)
        flooding = Thread(target=flood, args=(stream.socket,), daemon=True)
        flooding.start()
        assert is_full.wait(PATIENCE_S)
        try:
            yield
        finally:
            stream.socket.shutdown(socket.SHUT_RDWR)
            flooding.join(PATIENCE_S)


def seconds_to_an_answer(server: Process) -> float:
    start = time.monotonic()
    assert server.client.get("/healthz").status_code == 200
    return time.monotonic() - start


@pytest.mark.parametrize(
    "tiny",
    [frame(Opcode.BINARY), frame(Opcode.BINARY, b"a"), frame(Opcode.PING), frame(Opcode.PONG)],
    ids=["empty", "a byte", "ping", "pong"],
)
def test_whoever_floods_a_stream_with_tiny_frames_keeps_nobody_waiting(server: Process, tiny: bytes) -> None:
    with flooded(server, tiny * 40_000):
        assert median(seconds_to_an_answer(server) for _ in range(15)) < 0.15


def test_what_lies_behind_many_pings_is_heard_in_its_order(server: Process) -> None:
    with dial(server) as stream:
        begin(stream)
        stream.socket.sendall(frame(Opcode.PING) * 1000)
        stream.send(bytes(64_000))
        stream.send(json.dumps({"type": "end"}))
        messages, code = rest(stream)
    assert [message["type"] for message in messages] == ["prediction", "end"]
    assert code == 1000


def test_a_message_may_come_in_many_parts_but_not_in_any_number(server: Process) -> None:
    with dial(server) as stream:
        begin(stream)
        stream.send([bytes(64)] * 1000)
        stream.send(json.dumps({"type": "end"}))
        assert rest(stream)[0][-1]["heard_s"] == 1.0
    with dial(server) as stream:
        begin(stream)
        stream.socket.sendall(frame(Opcode.BINARY, fin=False) + frame(Opcode.CONT, fin=False) * MOST_PARTS)
        assert rest(stream) == ([], 1009)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/v1/stream", {f"x{n}": n for n in range(300)}, 431),
        ("/v1/stream", {"cookie": "a" * 20_000}, 431),
        ("/v1/stream?" + "a" * 20_000, {}, 414),
        ("/v1/stream", {"content_length": 5}, 400),
    ],
    ids=["many", "long", "target", "body"],
)
def test_a_head_that_is_not_understood_is_answered(
    server: Process, target: str, headers: dict[str, object], status: int
) -> None:
    with wire(server.port) as line:
        line.send(request(target, **HANDSHAKE, **headers))
        assert line.answer().status == status
        assert line.rest() == b""


def test_nothing_that_strangers_send_is_an_error_in_the_log() -> None:
    with running("--bundle", "esc10-resnet") as server:
        for head in (
            request("/v1/stream", **HANDSHAKE, origin="https://foe.example"),
            request("/v1/stream", **HANDSHAKE, origin="http://["),
            request("/v1/stream", **HANDSHAKE, cookie="a" * 20_000),
            request("/v1/stream", **HANDSHAKE, content_length=5),
            request("/v1/model", **HANDSHAKE),
        ):
            with wire(server.port) as line:
                line.send(head)
                assert line.answer().status in {400, 403, 431}
        with dial(server) as stream:
            stream.send(b"\xff", text=True)
            assert rest(stream) == ([], 1007)
        server.terminate()
        assert server.wait() == 0
    lines = [json.loads(line) for line in server.lines]
    assert lines
    assert [line for line in lines if line["level"] not in {"info", "warning"}] == []


class Line(asyncio.Transport):
    """What a connection does with its socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_read = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        raise AssertionError("this client has read all")


class Open:
    """A connection that is accepted, and an application that takes its messages when it is told to."""

    def __init__(self) -> None:
        self.line = Line()
        self.taken: list[bytes] = []
        self.may_take = asyncio.Event()
        config = Config(self._app, log_config=None, ws_ping_interval=None)
        self.protocol = LiveProtocol(config=config, server_state=ServerState(), app_state={})
        self.protocol.connection_made(self.line)
        self.protocol.data_received(request("/v1/stream", **HANDSHAKE))

    async def until_accepted(self) -> None:
        while not self.line.written:
            await asyncio.sleep(0)
        self.line.written = b""

    async def until_taken(self, count: int) -> None:
        while len(self.taken) < count or not self.line.is_read:
            await asyncio.sleep(0)

    async def _app(self, _: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.may_take.wait()
        while True:
            message: Message = await receive()
            self.taken.append(message["bytes"])


def test_no_more_is_parsed_than_the_application_takes() -> None:
    async def scene() -> None:
        connection = Open()
        await connection.until_accepted()
        sent = [bytes([n % 256]) for n in range(2000)]
        connection.protocol.data_received(b"".join(frame(Opcode.BINARY, data) for data in sent))
        assert connection.protocol.queue.qsize() <= SLICE // SMALLEST
        assert not connection.line.is_read
        connection.may_take.set()
        await connection.until_taken(len(sent))
        assert connection.taken == sent

    play(scene())


def test_a_client_that_does_not_read_its_pongs_is_not_read() -> None:
    async def scene() -> None:
        connection = Open()
        await connection.until_accepted()
        connection.protocol.pause_writing()
        connection.protocol.data_received(frame(Opcode.PING) * 10)
        assert (connection.line.written, connection.line.is_read) == (b"", False)
        connection.protocol.resume_writing()
        while not connection.line.is_read:
            await asyncio.sleep(0)
        assert connection.line.written == Frame(Opcode.PONG, b"").serialize(mask=False) * 10

    play(scene())


def test_pings_have_their_turns_and_then_a_rest() -> None:
    async def scene() -> None:
        connection = Open()
        await connection.until_accepted()
        pings = 2000
        connection.protocol.data_received(frame(Opcode.PING) * pings)
        pong = Frame(Opcode.PONG, b"").serialize(mask=False)
        at_once = len(connection.line.written) // len(pong)
        assert MOST_FRAMES <= at_once <= MOST_FRAMES + SLICE // SMALLEST
        while not connection.line.is_read:
            await asyncio.sleep(0.01)
        assert connection.line.written == pong * pings

    play(scene())


def test_what_came_before_the_close_does_not_hide_the_clients_answer() -> None:
    async def scene() -> None:
        connection = Open()
        await connection.until_accepted()
        connection.protocol.data_received(frame(Opcode.BINARY, b"a") * 2000)
        connection.protocol.data_received(frame(Opcode.CLOSE, b"\x03\xe8"))
        closed = connection.protocol.send({"type": "websocket.close", "code": 1000})
        await closed
        while connection.protocol.close_timer is not None:
            await asyncio.sleep(0.01)
        assert connection.taken == []

    play(scene())
