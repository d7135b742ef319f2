"""WebSocket connections of clients that no library would make, against a real process and without a socket."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from statistics import median
from threading import Event, Thread

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from service.live_protocol import MOST_FRAMES, MOST_PARTS, REST_S, SLICE, LiveProtocol
from tests.service.process import Process, running
from tests.service.stream.talk import play
from tests.service.stream.wires import PATIENCE_S, begin, dial, handshake, rest
from tests.service.wire import wire

SMALLEST = 6
"""Bytes of a frame from a client."""
PONG = Frame(Opcode.PONG, b"").serialize(mask=False)


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
    ],
    ids=["many", "long", "target"],
)
def test_a_head_that_is_too_long_is_answered(
    server: Process, target: str, headers: dict[str, object], status: int
) -> None:
    with wire(server.port) as line:
        line.send(handshake(target, **headers))
        assert line.answer().status == status
        assert line.rest() == b""


def test_nothing_that_strangers_send_is_an_error_in_the_log() -> None:
    with running("--bundle", "esc10-resnet") as server:
        for head in (
            handshake(origin="https://foe.example"),
            handshake(origin="http://["),
            handshake(cookie="a" * 20_000),
            handshake("/v1/model"),
        ):
            with wire(server.port) as line:
                line.send(head)
                assert line.answer().status in {403, 431}
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
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


class Taker:
    """An application that takes its messages when it is told to."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.may_take = asyncio.Event()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.may_take.wait()
        while (message := await receive())["type"] == "websocket.receive":
            self.taken.append(message["bytes"])


@asynccontextmanager
async def connected(app: Taker) -> AsyncIterator[tuple[LiveProtocol, Line]]:
    """A connection that is accepted."""
    line = Line()
    config = Config(app, log_config=None, ws_ping_interval=None)
    state = ServerState()
    protocol = LiveProtocol(config=config, server_state=state, app_state={})
    protocol.connection_made(line)
    protocol.data_received(handshake())
    (running_app,) = state.tasks
    await until(lambda: line.written.startswith(b"HTTP/1.1 101"))
    line.written = b""
    yield protocol, line
    app.may_take.set()
    protocol.connection_lost(None)
    await running_app


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.001)


def test_no_more_is_parsed_than_the_application_takes() -> None:
    async def scene() -> None:
        app = Taker()
        async with connected(app) as (protocol, line):
            sent = [bytes([n % 256]) for n in range(2000)]
            protocol.data_received(b"".join(frame(Opcode.BINARY, data) for data in sent))
            await asyncio.sleep(3 * REST_S)
            assert protocol.queue.qsize() <= SLICE // SMALLEST
            assert not line.is_read
            app.may_take.set()
            await until(lambda: line.is_read)
            assert app.taken == sent

    play(scene())


def test_a_client_that_does_not_read_its_pongs_is_not_read() -> None:
    async def scene() -> None:
        async with connected(Taker()) as (protocol, line):
            protocol.pause_writing()
            protocol.data_received(frame(Opcode.PING) * 10)
            assert (line.written, line.is_read) == (b"", False)
            protocol.resume_writing()
            await until(lambda: line.is_read)
            assert line.written == PONG * 10

    play(scene())


def test_after_many_pings_their_sender_has_to_wait() -> None:
    async def scene() -> None:
        async with connected(Taker()) as (protocol, line):
            start = time.monotonic()
            protocol.data_received(frame(Opcode.PING) * 1000)
            assert MOST_FRAMES <= len(line.written) / len(PONG) <= MOST_FRAMES + SLICE / SMALLEST
            assert not line.is_read
            await until(lambda: line.is_read)
            assert line.written == PONG * 1000
            assert time.monotonic() - start > 3 * REST_S

    play(scene())


def test_what_was_not_taken_does_not_hide_the_answer_to_a_close() -> None:
    async def scene() -> None:
        async with connected(Taker()) as (protocol, line):
            protocol.data_received(frame(Opcode.BINARY, b"a") * 2000)
            protocol.data_received(frame(Opcode.CLOSE, b"\x03\xe8"))
            await protocol.send({"type": "websocket.close", "code": 1000, "reason": ""})
            assert not line.is_closed
            await until(lambda: line.is_closed)
            assert protocol.close_timer is None  # it was not the time that was up

    play(scene())
