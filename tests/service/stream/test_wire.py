"""What is heard of a live stream's socket, and what is passed over."""

import asyncio

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketState

from service.stream.wire import Wire
from tests.service.stream.talk import play


def wire_with(*messages: Message) -> Wire:
    """One to which these have come already."""
    coming: asyncio.Queue[Message] = asyncio.Queue()
    for message in messages:
        coming.put_nowait(message)

    async def send(_: Message) -> None:
        raise AssertionError("nothing is said here")

    socket = WebSocket({"type": "websocket", "headers": []}, coming.get, send)
    socket.client_state = WebSocketState.CONNECTED
    return Wire(socket)


def piece(data: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": data}


def test_bytes_text_and_the_end_are_told_apart() -> None:
    async def scene() -> None:
        wire = wire_with(
            piece(b"a"), {"type": "websocket.receive", "text": ""}, {"type": "websocket.disconnect", "code": 1000}
        )
        assert [await wire.receive() for _ in range(3)] == [b"a", "", None]

    play(scene())


def test_empty_messages_are_passed_over_and_keep_nobody_waiting() -> None:
    async def scene() -> None:
        wire = wire_with(*[piece(b"")] * 100, piece(b"a"))
        receiving = asyncio.create_task(wire.receive())
        turns = 0
        while not receiving.done():
            await asyncio.sleep(0)
            turns += 1
        assert receiving.result() == b"a"
        assert turns > 100

    play(scene())


def test_it_is_quiet_only_while_somebody_listens_and_nothing_but_empty_messages_comes() -> None:
    async def scene() -> None:
        wire = wire_with(piece(b"a"), piece(b""))
        assert wire.quiet_s == 0
        await wire.receive()
        assert wire.quiet_s == 0
        receiving = asyncio.create_task(wire.receive())
        await asyncio.sleep(0.05)
        assert wire.quiet_s >= 0.05
        receiving.cancel()

    play(scene())
