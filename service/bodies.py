"""Reads a request's body within its bounds, and finds the audio in it, in whichever of three ways it was sent."""

import asyncio
import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn

from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.requests import Request

from service.batcher import Overloaded
from service.problems import ProblemError
from service.reception import way_to_read_whole
from service.schemas import AudioInJson
from service.settings import Settings

Body = bytes | memoryview

RAW, MULTIPART, JSON = "raw", "multipart", "json"
_RAW_TYPES = frozenset({"", "application/octet-stream", "application/ogg", "video/mp4", "video/webm", "video/ogg"})
"""Beside audio/*: no type at all, and those by which browsers call files that hold only sound."""

QUICK_BYTES = 2**20
"""Bytes of JSON or of a form that are parsed where they are; more is handed to a thread."""

LONGEST_BOUNDARY = 70
"""Characters, by RFC 2046."""

MOST_PARTS = 16
LONGEST_PART_HEAD = 4096
"""Of a form: one file is wanted, so what is beyond is no form that a person made."""


class Uploads:
    """The bytes of all bodies that are held at this moment."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.held = 0

    @contextmanager
    def holding(self) -> Iterator["Held"]:
        """What one request holds; given back at the end."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held -= held.bytes

    def take(self, count: int) -> None:
        """Hold more bytes, if there is room."""
        if self.held + count > self._most:
            raise Overloaded("Too many uploads are being held in memory at once.", 1.0)
        self.held += count


class Held:
    """Bytes that one request holds."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self.bytes = 0

    def take(self, count: int) -> None:
        """Hold more."""
        self._uploads.take(count)
        self.bytes += count


def kind_of_body(headers: Headers) -> str:
    """How the audio is sent. What format it has is told by its own bytes, not by this."""
    packed = headers.get("content-encoding", "").strip().lower()
    if packed not in {"", "identity"}:
        raise ProblemError(
            "unsupported_media_type", f"A body packed by {packed[:20]} is not taken: send the audio file as it is."
        )
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type in _RAW_TYPES or content_type.startswith("audio/"):
        return RAW
    if content_type == "multipart/form-data":
        return MULTIPART
    if content_type == "application/json":
        return JSON
    raise ProblemError(
        "unsupported_media_type",
        f"A body of type {content_type[:100]} is not taken. Say that it is audio (curl -H 'Content-Type: audio/wav'; "
        "which format it is, is told by its bytes), or send a form with a file (curl -F file=@sound.wav), or JSON.",
    )


async def read_body(request: Request, settings: Settings, held: Held) -> bytes:
    """The same as `receive_body`, for whom needs bytes and nothing else."""
    return bytes(await receive_body(request, settings, held))


async def receive_body(request: Request, settings: Settings, held: Held) -> Body:
    """All of the body: bounded in size, in time, and in what all bodies together may take."""
    declared = request.headers.get("content-length", "")
    most = settings.max_body_bytes
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > most):
        raise _too_large(most)
    read_whole = way_to_read_whole(request.scope)
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            if read_whole is not None:
                return await read_whole(held.take)
            return await _joined(request, most, held)
    except TimeoutError:
        raise ProblemError(
            "deadline_exceeded", f"The body did not come within {settings.body_timeout_s:g} s.", status=408,
            headers={"Connection": "close"},
        ) from None  # fmt: skip


async def _joined(request: Request, most: int, held: Held) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        held.take(len(chunk))
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def audio_in(body: Body, kind: str, headers: Headers) -> Body:
    """The bytes of the audio file."""
    if not body:
        _nothing()
    if kind == RAW:
        return body
    find = _from_json if kind == JSON else partial(_from_form, headers.get("content-type", ""))
    return find(bytes(body)) if len(body) <= QUICK_BYTES else await asyncio.to_thread(find, bytes(body))


def _from_form(content_type: str, body: bytes) -> bytes:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= LONGEST_BOUNDARY:
        raise _bad_form("its type names no boundary between its parts")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 1)
    ends = [place for place, part in enumerate(parts) if part.startswith(b"--")]
    if not ends:
        raise _bad_form(f"it has more than {MOST_PARTS} parts" if len(parts) > MOST_PARTS else "it has no end")
    files = [content for head, content in map(_parted, parts[: ends[0]]) if _name_in(head) == b"file"]
    if len(files) != 1:
        raise ProblemError("invalid_request", "One file called `file` is wanted in the form: curl -F file=@sound.wav")
    return files[0] or _nothing()


def _parted(part: bytes) -> tuple[bytes, bytes]:
    head, _, content = part.partition(b"\r\n\r\n")
    if len(head) > LONGEST_PART_HEAD:
        raise _bad_form("the head of a part is too long")
    return head, content


def _name_in(head: bytes) -> bytes | None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            return parse_options_header(value)[1].get(b"name")
    return None


def _bad_form(reason: str) -> ProblemError:
    return ProblemError("invalid_request", f"The form is not understood: {reason}.")


def _from_json(body: bytes) -> bytes:
    try:
        text = AudioInJson.model_validate_json(body).audio
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part)[:50] for part in first["loc"]) or "JSON"
        raise ProblemError(
            "invalid_request", f'{where}: {first["msg"][:200]}; {{"audio": "<base64>"}} is wanted'
        ) from None
    try:
        return base64.b64decode(text, validate=True) or _nothing()
    except (binascii.Error, ValueError):
        raise ProblemError("invalid_request", "audio: this is not base64") from None


def _nothing() -> NoReturn:
    raise ProblemError("empty_body", "There is no audio: send the bytes of an audio file.")


def _too_large(most: int) -> ProblemError:
    return ProblemError("too_large", f"The body is larger than the {most:,} bytes that are accepted.")
