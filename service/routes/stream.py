"""WS /v1/stream: live audio in, a prediction with every hop out. `service.stream.messages` says how they talk."""

import logging
import secrets
import time
from contextlib import ExitStack

from fastapi import APIRouter, WebSocket

from service.problems import problem_of
from service.serving import Service
from service.stream.door import Streams, admitted, subprotocol, turn_away
from service.stream.live import LiveStream
from service.stream.wire import Wire
from service.trace import milliseconds

router = APIRouter()

ROUTE = "/v1/stream"

_log = logging.getLogger(__name__)


@router.websocket(ROUTE)
async def stream(websocket: WebSocket) -> None:
    """One live stream."""
    service: Service = websocket.app.state.service
    streams: Streams = websocket.app.state.streams
    request_id = secrets.token_hex(8)
    with ExitStack() as held:
        try:
            key = held.enter_context(admitted(websocket, service, streams))
        except Exception as error:  # noqa: BLE001  (told to the client)
            problem = problem_of(error)
            if problem.code == "internal":
                _log.exception("live stream %s failed at the door", request_id)
            service.metrics.stream_ended(problem.code)
            await turn_away(websocket, problem, request_id)
            return
        await websocket.accept(subprotocol(websocket), [(b"x-request-id", request_id.encode())])
        live, start = LiveStream(Wire(websocket), service, request_id), time.monotonic()
        farewell = await live.run()
    service.metrics.stream_ended(farewell.reason)
    if service.settings.access_log:
        _log_stream(live, request_id, farewell.reason, time.monotonic() - start, key)


def _log_stream(live: LiveStream, request_id: str, reason: str, seconds: float, key: str | None) -> None:
    """One line per stream; nothing of what was heard is in it."""
    fields = {
        "request_id": request_id,
        "route": ROUTE,
        "reason": reason,
        "hops": live.hops,
        "skipped": live.skipped,
        "audio_s": round(live.heard_s, 3),
        "total_ms": milliseconds(seconds),
    }
    if key:
        fields["key"] = key
    _log.info("live stream", extra={"fields": fields})
