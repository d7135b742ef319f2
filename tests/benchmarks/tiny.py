"""A server that does exactly what a test wants: known answers after known times, or none at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from threading import Thread

Reply = Callable[[int], Awaitable[bytes | None]]
"""Of the number of a request, from 0: what is sent back; None hangs up."""


def named(label: str) -> bytes:
    """The answer of 200 that names a sound."""
    return _answer(200, {"predictions": [{"label": label, "confidence": 1.0}]})


def refused(status: int, code: str) -> bytes:
    """A problem."""
    return _answer(status, {"code": code})


@asynccontextmanager
async def tiny_server(reply: Reply, *, reads_body_first: bool = True) -> AsyncIterator[int]:
    """Its port. Requests are numbered in the order in which they came, over all connections."""
    numbers = iter(range(10**9))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                if reads_body_first:
                    await reader.readexactly(length)
                answer = await reply(next(numbers))
                if answer is None:
                    return
                writer.write(answer)
                if not reads_body_first:
                    await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def server_apart(reply: Reply) -> Iterator[int]:
    """The same in a thread and a loop of its own, for a client that brings its own loop."""
    loop, port, over = asyncio.new_event_loop(), Future[int](), asyncio.Event()

    async def serve() -> None:
        async with tiny_server(reply) as found:
            port.set_result(found)
            await over.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield port.result()
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def _answer(status: int, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
