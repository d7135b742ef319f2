"""Who may open a live stream, and how many there may be: decided before the socket is accepted.

Whoever is turned away gets an HTTP answer with a problem, like any other request.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.websockets import WebSocket

from service.batcher import Overloaded
from service.problems import ProblemError, problem_response
from service.serving import Service
from service.settings import Settings

SUBPROTOCOL = "earshot.v1"
KEY_PREFIX = "earshot.key."

RETRY_S = 5.0
"""When a stream may have ended, nobody knows; this is not so often that it harms."""

_POLICY = 1008
_FORBIDDEN = 403


class Streams:
    """The open streams of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.open = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """One more, if there is room. The service does not end before the stream has said goodbye."""
        service = self._service
        if self.open >= service.settings.max_streams:
            raise Overloaded(f"All {service.settings.max_streams} live streams are taken.", RETRY_S)
        self.open += 1
        service.accepted += 1
        service.metrics.streams(self.open)
        try:
            yield
        finally:
            self.open -= 1
            service.accepted -= 1
            service.metrics.streams(self.open)


@contextmanager
def admitted(websocket: WebSocket, service: Service, streams: Streams) -> Iterator[str | None]:
    """The name of the key by which the client came in, held as in flight for as long as the stream lasts."""
    _check_origin(websocket.headers, service.settings)
    name = service.keys.name_of(_with_key(websocket))
    _ = service.serving  # a problem where no work is taken
    with service.keys.using(name), streams.opened():
        yield name


async def turn_away(websocket: WebSocket, problem: ProblemError, request_id: str) -> None:
    """The client is not let in."""
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        response = problem_response(problem, request_id)
        response.headers["X-Request-ID"] = request_id
        await websocket.send_denial_response(response)
    else:
        await websocket.close(_POLICY, problem.code)


def subprotocol(websocket: WebSocket) -> str | None:
    """Ours, if it is offered; a key is never sent back."""
    return SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None


def _with_key(websocket: WebSocket) -> Headers:
    """The headers, or in their place the subprotocol that carries a key, for web pages can set nothing else."""
    offered: list[str] = websocket.scope["subprotocols"]
    key = next((word.removeprefix(KEY_PREFIX) for word in offered if word.startswith(KEY_PREFIX)), None)
    return websocket.headers if key is None else Headers({"x-api-key": key})


def _check_origin(headers: Headers, settings: Settings) -> None:
    """Browsers let any page open a socket to anywhere, so the service itself must ask whose page it is.

    A page under a name that was made to lead here (DNS rebinding) passes for our own: only a key keeps it out.
    """
    origin, host = headers.get("origin"), headers.get("host")
    ours = {f"http://{host}", f"https://{host}"}
    if origin is None or origin in ours or {"*", origin} & set(settings.cors_origins):
        return
    raise ProblemError(
        "invalid_request", f"Web pages of {origin[:100]} may not open live streams: see --cors-origins.", _FORBIDDEN
    )
