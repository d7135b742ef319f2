"""A client of live streams that does what no decent client would."""

import json
from typing import Any

from websockets import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.service.process import Process
from tests.service.wire import request

OPENING = {"format": "s16le", "sample_rate": 32_000, "smoothing": 0}
PATIENCE_S = 20.0
ABNORMAL = 1006

_HANDSHAKE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec_websocket_version": "13",
    "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def dial(server: Process, **options: Any) -> ClientConnection:  # noqa: ANN401
    """A socket, accepted; nothing is said yet."""
    socket: ClientConnection = connect(f"ws://127.0.0.1:{server.port}/v1/stream", compression=None, **options)
    return socket


def begin(socket: ClientConnection, **fields: object) -> dict[str, Any]:
    """Open the stream; what the service says first."""
    socket.send(json.dumps(OPENING | fields))
    return said(socket)


def handshake(target: str = "/v1/stream", **headers: Any) -> bytes:  # noqa: ANN401
    """The request for a socket, for whoever sends it by hand."""
    return request(target, **(_HANDSHAKE | headers))


def said(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
    return message


def rest(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """All messages up to the close frame, and its code."""
    messages = []
    while True:
        try:
            messages.append(said(socket))
        except ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else ABNORMAL
