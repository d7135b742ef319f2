"""One connection without an HTTP client between: sends any bytes, and reads what comes back."""

import json
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.service.process import Process

PATIENCE_S = 20.0


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401
        """The body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of a problem; empty where it is none."""
        is_problem = self.headers.get("content-type") == "application/problem+json"
        return str(self.json()["code"]) if is_problem else ""


class Wire:
    """A socket with a buffer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._file = self.socket.makefile("rb")

    def send(self, *parts: bytes) -> None:
        """All of it."""
        self.socket.sendall(b"".join(parts))

    def answer(self, *, has_body: bool = True) -> Answer:
        """The next response."""
        status = int(self._file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self._file.readline().strip().decode("latin-1"):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        size = int(headers.get("content-length", 0)) if has_body else 0
        return Answer(status, headers, self._file.read(size))

    def rest(self) -> bytes:
        """What comes until the other side closes; a reset counts as the end."""
        try:
            return self._file.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A connection, closed afterwards."""
    connection = Wire(port)
    try:
        yield connection
    finally:
        connection.close()


def request(target: str = "/healthz", body: bytes = b"", method: str = "GET", **headers: object) -> bytes:
    """A whole request; `content_length=None` leaves a header out."""
    given: dict[str, object] = {"host": "earshot", **({"content_length": len(body)} if body else {}), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


def post(body: bytes, target: str = "/v1/classify", **headers: object) -> bytes:
    """A whole POST of a sound."""
    return request(target, body, "POST", **{"content_type": "audio/wav", "content_length": len(body), **headers})


def rss(server: Process) -> float:
    """Megabytes of memory that the process takes."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize() / 2**20


def flood(line: Wire, parts: Iterator[bytes]) -> int:
    """Send until the other side has had enough; how many bytes that took."""
    sent = 0
    try:
        for part in parts:
            line.send(part)
            sent += len(part)
    except ConnectionError:
        pass
    return sent


def wait_for(reached: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Look again and again."""
    stop = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < stop
        time.sleep(0.02)
