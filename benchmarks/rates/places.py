"""Where a load goes: to a service that is started for it, on cores of its own, or to one that runs already."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks import load
from benchmarks.answers import SILENT, Answers
from benchmarks.bench import raw_order, requests_for
from benchmarks.cost import Cost, Load, Meter
from benchmarks.load import Request, closed_loop, open_loop
from benchmarks.processes import on_cpus
from benchmarks.raw import RawEngine, RawFigures
from benchmarks.served import Served
from benchmarks.server import LONGEST_CALMING_S
from benchmarks.subject import Subject
from benchmarks.wire import CLASSIFY, HOST
from contract.errors import EarshotError

RAW_S = 0.4
"""For which the bare engine is measured at each of two batch sizes, once a round."""

_PATIENCE_S = 10.0
_LOOK_S = 0.05
_UNKNOWN = "an unknown model"

Charged = tuple[Answers, Cost]


@dataclass(frozen=True)
class Address:
    """Of a service."""

    host: str
    """That is connected to: a number, so that no name is looked up while time is taken."""
    port: int
    name: str
    """As the service is called in the head of a request."""

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Status and JSON of one answer, in no hurry; an error in words where nobody speaks HTTP."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_PATIENCE_S)
        try:
            connection.request(method, path, body, {"Host": self.name, "Content-Type": "audio/wav"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise EarshotError(
                f"nobody answers as Earshot does at {self.name}: start it there first (earshot serve), or leave "
                "--url away and a service is started for the measurement"
            ) from error
        finally:
            connection.close()


@dataclass(frozen=True)
class Place:
    """A service that can be loaded."""

    serves: str
    """In a few words."""
    address: Address
    bodies: Sequence[bytes]
    labels: Sequence[str]
    """That belong to them."""
    charged: Callable[[Load], Charged]
    raw: Callable[[], RawFigures | None] = field(default=lambda: None)
    """The bare engine on the same cores; None where it is not known."""

    def requests(self, within_ms: float | None = None) -> list[Request]:
        """One for each sound, which may say by when its answer is wanted."""
        path = CLASSIFY if within_ms is None else f"{CLASSIFY}?timeout_ms={max(1, round(within_ms))}"
        return requests_for(self.bodies, self.labels, path, self.address.name)

    def closed(self, connections: int, seconds: float, pause_s: float = 0.0) -> Charged:
        """As many requests as are answered over so many connections, each of which pauses when it is refused."""
        requests, (host, port) = self.requests(), self._where
        return self.charged(lambda: closed_loop(port, requests, connections, seconds, pause_s, host=host))

    def opened(
        self, rate: float, seconds: float, seed: int, drain_s: float, within_ms: float | None = None
    ) -> Charged:
        """So many requests per second, whether or not they are answered; in the end the service is idle again."""
        requests, (host, port) = self.requests(within_ms), self._where
        answers, cost = self.charged(
            lambda: open_loop(port, requests, rate, seconds, seed, host=host, drain_s=drain_s)
        )
        if answers.count(SILENT):
            self._wait_until_idle()
        return answers, cost

    def _wait_until_idle(self) -> None:
        """What was asked before is done, or dropped since its client has left, when one more sound is answered."""
        stop = time.perf_counter() + LONGEST_CALMING_S
        with suppress(EarshotError):
            while (
                time.perf_counter() < stop and self.address.ask("POST", CLASSIFY, self.bodies[0])[0] != http.client.OK
            ):
                time.sleep(_LOOK_S)

    @property
    def _where(self) -> tuple[str, int]:
        return self.address.host, self.address.port


def place_of(url: str | None, subject: Subject) -> AbstractContextManager[Place]:
    """The one at this address, or one that is started."""
    return _started(subject) if url is None else nullcontext(_running(url, subject))


@contextmanager
def _started(subject: Subject) -> Iterator[Place]:
    """One that is started here and ends with the `with`, and the bare engine beside it where that is on the CPU."""
    with Served(subject.serve_flags, subject.server) as served:
        served.wait_until_ready()
        address, facts = Address(HOST, served.port, f"{HOST}:{served.port}"), served.model_facts()
        meter = Meter(served, subject.server, subject.client)
        with _raw_engine(subject, facts) as engine:

            def raw() -> RawFigures | None:
                served.wait_until_calm()
                return None if engine is None else engine.measure(RAW_S)

            labels = _labels(address, subject.bodies) if engine is None else engine.labels
            yield Place(_described(facts), address, subject.bodies, labels, meter.charged, raw)


def _running(url: str, subject: Subject) -> Place:
    """One that runs already: of its process nothing is known, and it is taken at its word for what the sounds are."""
    address = _address(url)
    _, facts = address.ask("GET", "/v1/model")
    labels = _labels(address, subject.bodies)

    def charged(made: Load) -> Charged:
        with on_cpus(subject.client):
            return load.run(made()), Cost()

    return Place(_described(facts) if "engine" in facts else _UNKNOWN, address, subject.bodies, labels, charged)


def _raw_engine(subject: Subject, facts: dict[str, Any]) -> "RawEngine | nullcontext[None]":
    engine = facts["engine"]
    if (engine["name"], engine["device"]) != ("onnx", "cpu"):
        return nullcontext()
    return RawEngine(raw_order(subject, facts, len(subject.server)), subject.server)


def _described(facts: dict[str, Any]) -> str:
    engine = facts["engine"]
    return (
        f"{facts['name']} {facts['version']}, {engine['name']} {engine['precision']} on {engine['device']}, "
        f"{engine['replicas']} engines, batches up to {engine['max_batch']}"
    )


def _labels(address: Address, bodies: Sequence[bytes]) -> list[str]:
    """One answer for each sound, before the load: under it, each must be the same."""
    return [_label(address, body) for body in bodies]


def _label(address: Address, body: bytes) -> str:
    status, content = address.ask("POST", CLASSIFY, body)
    try:
        return str(content["predictions"][0]["label"])
    except (KeyError, IndexError, TypeError):
        code = content.get("code", "no label") if isinstance(content, dict) else "no label"
        raise EarshotError(f"{address.name} answers {status} ({code}) to a good sound: nothing to measure") from None


def _address(url: str) -> Address:
    """Of http://host:port."""
    parts = urlsplit(url)
    try:
        port = parts.port or http.client.HTTP_PORT
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port or parts.path.strip("/") or parts.query:
        raise EarshotError(f"{url!r} is no address of a service: expected http://host:port")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise EarshotError(f"there is no machine called {parts.hostname}") from error
    return Address(str(found[0][4][0]), port, parts.netloc)
