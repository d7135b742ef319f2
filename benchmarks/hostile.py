"""Requests that are meant to harm, each with the answer that is documented for it.

A service that is busy may refuse any of them as overloaded, as it may refuse any request.
"""

import asyncio
import base64
import io
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.answers import LOST, OK, REFUSED, SILENT
from benchmarks.load import Request, code_of
from benchmarks.wire import HOST, Connection, connect, post

GONE = "gone"
"""It was the client that hung up."""

TIMEOUTS = ("--body-timeout-s", "3", "--header-timeout-s", "3")
"""Flags of a service that is to give up soon those who send nothing more."""

LONGEST_HARM_S = 4.0
"""Until all that was sent has its answer: the timeouts, and a second."""

PATIENCE_S = 30.0
HANG_UP_S = 0.005
"""Between sending and hanging up: the request is in the queue by then, or being computed."""
SLOW_PIECES, SLOW_PAUSE_S = 10, 0.1
"""A slow upload takes a second, and is as good as any other."""

_BODY_BYTES = 100_000
_SECONDS = 20
"""Of a long sound, four windows."""

Harm = Callable[[Connection], Awaitable["Outcome"]]


class Outcome(NamedTuple):
    """How it ended."""

    status: int
    """0 without an answer."""
    code: str


@dataclass(frozen=True)
class Hostile:
    """One kind of harm."""

    name: str
    harm: Harm
    documented: frozenset[str]
    """Codes, or the words for an end without an answer."""

    async def play(self, port: int) -> Outcome:
        """On a connection of its own."""
        try:
            connection = await connect(port)
        except OSError:
            return Outcome(0, LOST)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.harm(connection)
        except TimeoutError:
            return Outcome(0, SILENT)
        except ConnectionError:
            return Outcome(0, LOST)
        finally:
            await connection.close()

    def allows(self, outcome: Outcome) -> bool:
        """Whether it may end so."""
        return outcome.code in self.documented | {REFUSED}


@dataclass
class Tally:
    """How often each kind was sent, and how those ended that should have ended otherwise."""

    sent: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    server_errors: int = 0

    def add(self, kind: Hostile, outcome: Outcome) -> None:
        """One more."""
        self.sent[kind.name] = self.sent.get(kind.name, 0) + 1
        self.server_errors += outcome.status >= 500
        if not kind.allows(outcome):
            what = f"{kind.name}: {outcome.code}"
            self.wrong[what] = self.wrong.get(what, 0) + 1


async def harass(port: int, kinds: Sequence[Hostile], times: Sequence[float]) -> Tally:
    """One kind after the other at these moments; all are waited for."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    begin = loop.time()

    async def once(kind: Hostile) -> None:
        tally.add(kind, await kind.play(port))

    async with asyncio.TaskGroup() as tasks:
        for turn, due in enumerate(times):
            await asyncio.sleep(max(0.0, begin + due - loop.time()))
            tasks.create_task(once(kinds[turn % len(kinds)]))
    return tally


def kinds_of(good: Request, body: bytes) -> list[Hostile]:
    """All kinds, made of one good request and its body where they need one."""
    noise = np.random.default_rng(0).bytes(_BODY_BYTES)
    not_numbers = _float_wav(np.full(_BODY_BYTES // 4, np.nan, np.float32))
    long_sound = _wav(channels=1, rate=8000, data=bytes(16_000 * _SECONDS))
    bodies = {
        "text": b"this is no sound" * 1000,
        "a web page": b"<!doctype html><html><body>no sound</body></html>" * 1000,
        "random bytes": noise,
        "a WAV that is cut short": body[: len(body) // 2],
        "a WAV of NaN": not_numbers,
        "a WAV that claims 1 GB": _wav(1, 44_100, noise, claimed=2**30),
        "a WAV without channels": _wav(0, 44_100, noise),
        "a WAV of 0 Hz": _wav(1, 0, noise),
    }
    asked = [
        Hostile(name, asking(post(content)), frozenset({"undecodable_audio"})) for name, content in bodies.items()
    ]
    half = good.wire[: len(good.wire) // 2]
    chunked = _head("POST /v1/classify", "Content-Type: audio/wav", "Transfer-Encoding: chunked")
    huge = _head("POST /v1/classify", "Content-Type: audio/wav", f"Content-Length: {10 * 2**30}")
    broken = b'{"audio": "' + base64.b64encode(noise) + b'!"}'
    deep = b'{"audio": ' + b"[" * _BODY_BYTES
    return [
        *asked,
        _kind("an empty body", post(b""), "empty_body"),
        _kind("a wrong type", post(body, "text/plain"), "unsupported_media_type"),
        _kind("broken base64", post(broken, "application/json"), "invalid_request"),
        _kind("deep JSON", post(deep, "application/json"), "invalid_request"),
        _kind("a form without a boundary", post(body, "multipart/form-data"), "invalid_request"),
        _kind("a bad query", post(body, path="/v1/classify?top_k=-1"), "invalid_request"),
        _kind("a thousand windows", post(long_sound, path="/v1/classify?hop_s=0.01"), "too_long"),
        _kind("a huge declared length", huge + noise, "too_large"),
        _kind("a wrong method", _head("DELETE /v1/classify"), "invalid_request"),
        _kind("no HTTP", b"\x16\x03\x01\x02\x00" + noise[:500], "invalid_request"),
        _kind("a head that stops", chunked[:-2], "deadline_exceeded"),
        _kind("a chunked body that stops", chunked + b"1000\r\n" + noise[:100], "deadline_exceeded"),
        Hostile("a hang-up while sending", hanging_up(half), frozenset({GONE})),
        Hostile("a hang-up while waiting", hanging_up(good.wire), frozenset({GONE})),
        Hostile("a slow upload", slow(good), frozenset({OK})),
    ]


def asking(wire: bytes) -> Harm:
    """Send these bytes and see what is said to them."""

    async def harm(connection: Connection) -> Outcome:
        answer = await connection.ask(wire)
        return Outcome(answer.status, code_of(answer, None))

    return harm


def hanging_up(wire: bytes, after_s: float = HANG_UP_S) -> Harm:
    """Send these bytes and be gone."""

    async def harm(connection: Connection) -> Outcome:
        connection.send(wire)
        await asyncio.sleep(after_s)
        return Outcome(0, GONE)

    return harm


def slow(request: Request) -> Harm:
    """Send a good request in pieces."""

    async def harm(connection: Connection) -> Outcome:
        size = -(-len(request.wire) // SLOW_PIECES)
        for start in range(0, len(request.wire), size):
            connection.send(request.wire[start : start + size])
            await asyncio.sleep(SLOW_PAUSE_S)
        answer = await connection.answer()
        return Outcome(answer.status, code_of(answer, request.label))

    return harm


def _kind(name: str, wire: bytes, code: str) -> Hostile:
    return Hostile(name, asking(wire), frozenset({code}))


def _head(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {HOST}", *fields, "", ""]).encode()


def _wav(channels: int, rate: int, data: bytes, claimed: int | None = None) -> bytes:
    """16 bit, with a header that says what it is told to."""
    size = len(data) if claimed is None else claimed
    form = struct.pack("<HHIIHH", 1, channels, rate, 2 * rate * channels, 2 * channels, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", len(form)) + form
    return head + struct.pack("<4sI", b"data", size) + data


def _float_wav(samples: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 44_100, format="WAV", subtype="FLOAT")
    return file.getvalue()
