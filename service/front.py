"""The door, around all routes: request id, key, counting, and a problem for whatever goes wrong inside."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access import Keys
from service.metrics import NO_ROUTE
from service.problems import problem_of, problem_response
from service.serving import Service
from service.trace import Trace, request_id
from service.waiting import ClientGone

CLIENT_GONE = 499
"""The status that nginx made customary, for the log and the metrics: nobody is there to read it."""

_AS_IT_IS = " !#$&'()*+,/:;=?@[]"
"""In a header; letters beyond ASCII, which the name of a model may have, would be none in it."""

_OPEN = ("/v2/health/",)
_KEYED = ("/v1/", "/v2")

_log = logging.getLogger(__name__)


class Front:
    """ASGI middleware; one for the app."""

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        keys: Keys,
        ended: Callable[[Trace], None],
        plain: Mapping[tuple[str, str], Route],
    ) -> None:
        """Routes that are `plain`, by method and path, want nothing of what the framework does on the way to them."""
        self._app = app
        self._plain = plain
        self._service = service
        self._keys = keys
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = Trace(request_id(headers), scope["method"], headers)
        scope["state"]["trace"] = trace
        self._service.in_flight += 1
        try:
            await self._guarded(scope, headers, trace, receive, _marking(send, trace))
        except (ClientGone, ClientDisconnect):
            trace.status, trace.code = CLIENT_GONE, "departed"
            self._service.metrics.departed()
        except asyncio.CancelledError:  # at the end of the process, which tells the client so
            trace.status, trace.code = 503, "draining"
            raise
        finally:
            self._service.in_flight -= 1
            trace.route = getattr(scope.get("route"), "path", NO_ROUTE)
            trace.finish()
            self._ended(trace)

    async def _guarded(self, scope: Scope, headers: Headers, trace: Trace, receive: Receive, send: Send) -> None:
        path = scope["path"]
        try:
            if path.startswith(_KEYED) and not path.startswith(_OPEN):
                trace.key = self._keys.name_of(headers)
            with self._keys.using(trace.key):
                await self._answered(scope, receive, send)
        except (ClientGone, ClientDisconnect):
            raise
        except Exception as error:
            problem = problem_of(error)
            if problem.code == "internal":
                _log.exception("request %s failed", trace.request_id)
            trace.code = problem.code
            if trace.status:  # too late: the head of an answer is out
                raise
            await problem_response(problem, trace.request_id, path)(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._plain.get((scope["method"], scope["path"]))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def _marking(send: Send, trace: Trace) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            trace.status = message["status"]
            message["headers"] = [*message["headers"], *_facts(trace)]
        await send(message)

    return marked


def _facts(trace: Trace) -> list[tuple[bytes, bytes]]:
    """What a client may want to know of the way its answer came about, without reading it: as headers."""
    facts = {"x-request-id": trace.request_id}
    if timing := trace.server_timing():
        facts["server-timing"] = timing
    if trace.batch_size and (used := trace.model):
        facts["x-earshot-model"] = f"{quote(used['name'], _AS_IT_IS)} {used['version']} sha256:{used['sha256'][:16]}"
        facts["x-earshot-engine"] = f"{used['engine']} {used['precision']}"
        facts["x-earshot-batch-size"] = str(trace.batch_size)
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in facts.items()]
