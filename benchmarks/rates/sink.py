"""A server that hears nothing: throws each body away, answers the same to all. `python -m benchmarks.rates.sink`.

What a client can do at most is measured against it, so it does the least that HTTP allows: bytes of a body are
dropped in the kernel (MSG_TRUNC) without ever being copied to this process.
"""

import json
import selectors
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.processes import Cpus, cpu_seconds, on_cpus
from benchmarks.wire import HOST

ROOT = Path(__file__).parents[2]
LABEL = "silence"

_MOST_WAITING = 1024
_MOST_DROPPED = 1 << 22
"""Bytes at once."""
_LARGEST_HEAD = 2048
"""Of a request; it is expected to come in one piece."""


class Sink:
    """The process, on these cores; `port` is where it listens."""

    def __init__(self, cpus: Cpus) -> None:
        """Start it."""
        with on_cpus(cpus):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.rates.sink"],
                cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None  # noqa: S101  (it was asked for)
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def cpu_seconds(self) -> float:
        """Spent so far."""
        return cpu_seconds(self._process.pid)


class _Drain:
    """One connection."""

    _nowhere = memoryview(bytearray(_MOST_DROPPED))
    """Python wants a place for what is dropped; nothing is ever written there."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = 0
        """Bytes of a body that are still to come."""

    def read(self) -> bool:
        """What is there; whether there may be more later."""
        try:
            return self._read()
        except BlockingIOError:
            return True
        except ConnectionError:
            return False

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _read(self) -> bool:
        if not self._left:
            head = self._connection.recv(_LARGEST_HEAD)
            if not head:
                return False
            self._left = _length(head)
        while self._left:
            dropped = self._connection.recv_into(self._nowhere, min(self._left, _MOST_DROPPED), socket.MSG_TRUNC)
            if not dropped:
                return False
            self._left -= dropped
        self._connection.sendall(ANSWER)
        return True


def _length(head: bytes) -> int:
    """Bytes of the body that are not in what has been read."""
    fields, _, begun = head.partition(b"\r\n\r\n")
    return int(fields.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(begun)


def _answer() -> bytes:
    """As long as an answer of the service, and with a label in the same place."""
    guesses = [{"label": LABEL, "index": index, "confidence": 0.2} for index in range(5)]
    body = json.dumps({"predictions": guesses, "padding": "." * 400}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


ANSWER = _answer()


def main() -> None:
    """Say the port, then serve for ever."""
    listener = socket.create_server((HOST, 0), backlog=_MOST_WAITING)
    print(listener.getsockname()[1], flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    selector.register(connection, selectors.EVENT_READ, _Drain(connection))
                elif not key.data.read():
                    selector.unregister(key.fileobj)
                    key.data.close()


if __name__ == "__main__":
    main()
