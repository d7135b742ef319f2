"""The smallest service behind our HTTP connections: uvicorn as the real one has it, and an app that reads bodies."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from service.live_protocol import LiveProtocol
from service.protocol import Protocol, protocol_with
from service.reception import LARGEST, way_to_be_told, way_to_read_whole
from tests.service.wire import PATIENCE_S, wait_for

LONG_S = 3 * PATIENCE_S
"""Longer than any test waits: a connection that ends sooner has not ended by this."""

LARGEST_BODY = 40 * 2**20
LARGE = bytes(36 * 2**20)
"""More than the buffers of both sides of a connection take, and less than the largest body."""


def digest(body: bytes | memoryview) -> str:
    """Of a body."""
    return hashlib.sha256(body).hexdigest()


def _within(room: int) -> Callable[[int], None]:
    came = 0

    def take(size: int) -> None:
        nonlocal came
        came += size
        if came > room:
            raise MemoryError

    return take


class Tiny:
    """/early answers before it has the body, /long at length, /held when it is let to; else the body's size.

    /whole reads the body whole and answers its digest, /cramped has room for a thousand bytes of it, /hasty waits for
    it a moment only, /told waits to be told that its client has left.
    """

    def __init__(self) -> None:
        self.refusals: list[tuple[str, int]] = []
        """What connections have told of."""
        self.departed = 0
        """Clients that left while they were held."""
        self._held: list[asyncio.Event] = []
        self._server: uvicorn.Server
        self._loop: asyncio.AbstractEventLoop

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    @property
    def connections(self) -> list[Protocol]:
        """All that are open, from outside of their thread: only to look at."""
        return [each for each in [*self._server.server_state.connections] if isinstance(each, Protocol)]

    def holds(self) -> bool:
        """Somebody is held."""
        return bool(self._held)

    def release(self) -> None:
        """Let whoever is held have an answer."""
        wait_for(self.holds)
        while self._held:
            self._loop.call_soon_threadsafe(self._held.pop().set)

    def keep_refusal(self, code: str, status: int) -> None:
        """One more."""
        self.refusals.append((code, status))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a WebSocket is only kept."""
        self._loop = asyncio.get_running_loop()
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        with suppress(ClientDisconnect):
            response = await self._response(Request(scope, receive), receive)
            await response(scope, receive, send)

    async def _response(self, given: Request, receive: Receive) -> Response:
        match given.url.path:
            case "/early":
                return PlainTextResponse("too early", 413)
            case "/closing":
                return PlainTextResponse("too late", 408, {"Connection": "close"})
            case "/long":
                return Response(LARGE)
        if given.url.path in {"/whole", "/cramped", "/hasty"}:
            return await self._whole(given)
        if given.url.path == "/told":
            return await self._told(given)
        size = len(await given.body())
        if given.url.path == "/held":
            await self._hold(receive)
        return PlainTextResponse(f"{given.url.path} {size}")

    async def _whole(self, given: Request) -> Response:
        read = way_to_read_whole(given.scope)
        if read is None:
            return PlainTextResponse(f"in pieces {digest(await given.body())}")
        room = 1000 if given.url.path == "/cramped" else LARGEST
        try:
            async with asyncio.timeout(0.05 if given.url.path == "/hasty" else LONG_S):
                return PlainTextResponse(f"whole {digest(await read(_within(room)))}")
        except MemoryError:
            return PlainTextResponse("no room", 429)
        except TimeoutError:
            return PlainTextResponse("too late", 408)
        except ClientDisconnect:
            self.departed += 1
            raise

    async def _told(self, given: Request) -> Response:
        read = way_to_read_whole(given.scope)
        await (given.body() if read is None else read(_within(LARGEST)))
        left, tell = asyncio.Event(), way_to_be_told(given.scope)
        assert tell is not None
        tell(left.set)
        await left.wait()
        self.departed += 1
        raise ClientDisconnect

    async def _hold(self, receive: Receive) -> None:
        event = asyncio.Event()
        leaving: asyncio.Task[Message] = asyncio.ensure_future(receive())
        released = asyncio.ensure_future(event.wait())
        self._held.append(event)
        await asyncio.wait({leaving, released}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            assert leaving.result()["type"] == "http.disconnect"
            self._held.remove(event)
            self.departed += 1
        leaving.cancel()
        released.cancel()

    @contextmanager
    def running(self, config: uvicorn.Config) -> Iterator[None]:
        """In a thread."""
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        try:
            yield
        finally:
            self._server.force_exit = True
            self.end()

    def stop(self) -> None:
        """Take no more connections, and end once those that there are have what they wait for."""
        self._server.should_exit = True

    def listens(self) -> bool:
        """It has not begun to end."""
        return any(each.is_serving() for each in self._server.servers)

    def end(self) -> None:
        """Stop, and be gone: nobody is left to wait for."""
        self.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@contextmanager
def serving(
    *, header_timeout_s: float = LONG_S, keep_alive_s: float = LONG_S, max_connections: int = 1000
) -> Iterator[Tiny]:
    """A server in a thread."""
    tiny = Tiny()
    http = protocol_with(header_timeout_s, max_connections, LARGEST_BODY, tiny.keep_refusal)
    config = uvicorn.Config(tiny, port=0, loop="uvloop", lifespan="off", log_config=None, http=http, ws=LiveProtocol)
    config.timeout_keep_alive = keep_alive_s  # type: ignore[assignment]  # whole seconds would take too long here
    with tiny.running(config):
        yield tiny
