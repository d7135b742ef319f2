"""The smallest service behind our HTTP connections: uvicorn as the real one has it, and an app that reads bodies."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from service.protocol import protocol_with

HEADER_TIMEOUT_S = 0.3
KEEP_ALIVE_S = 0.4
LARGE = bytes(8 * 2**20)
"""More than the buffers of both sides of a connection take, and less than is read of a body that nobody wants."""


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """The size of the body; /early answers before it, /slow a while after, /long at length."""
    given = Request(scope, receive)
    path = given.url.path
    if path == "/early":
        response: Response = PlainTextResponse("too early", 413)
    elif path == "/closing":
        response = PlainTextResponse("too late", 408, {"Connection": "close"})
    elif path == "/long":
        response = Response(LARGE)
    else:
        body = await given.body()
        if path == "/slow":
            await asyncio.sleep(0.1)
        response = PlainTextResponse(f"{path} {len(body)}")
    await response(scope, receive, send)


@contextmanager
def serving(max_connections: int = 1000) -> Iterator[int]:
    """The port of a server in a thread."""
    config = uvicorn.Config(
        answer, port=0, loop="uvloop", lifespan="off", log_config=None,
        http=protocol_with(HEADER_TIMEOUT_S, max_connections), timeout_graceful_shutdown=1,
    )  # fmt: skip
    config.timeout_keep_alive = KEEP_ALIVE_S  # type: ignore[assignment]  # whole seconds would take too long here
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.force_exit = server.should_exit = True
        thread.join()
