"""Reads a request's body within its bounds, and finds the audio in it, in whichever of three ways it was sent."""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import NoReturn

from pydantic import ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.batcher import Overloaded
from service.problems import ProblemError
from service.schemas import AudioInJson
from service.settings import Settings

RAW, MULTIPART, JSON = "raw", "multipart", "json"
_RAW_TYPES = frozenset({"", "application/octet-stream", "application/ogg", "video/mp4", "video/webm", "video/ogg"})
"""Beside audio/*: no type at all, and those by which browsers call files that hold only sound."""

QUICK_BYTES = 2**20
"""Bytes of JSON or of a form that are parsed where they are; more is handed to a thread."""


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
        f"A body of type {content_type[:100]} is not taken: send the bytes of an audio file as audio/wav (or any "
        "audio/…, or application/octet-stream), a form with a file as multipart/form-data, or JSON.",
    )


async def read_body(request: Request, settings: Settings, held: Held) -> bytes:
    """All of the body: bounded in size, in time, and in what all bodies together may take."""
    declared = request.headers.get("content-length", "")
    most = settings.max_body_bytes
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > most):
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                held.take(len(chunk))
                parts.append(chunk)
    except TimeoutError:
        raise ProblemError(
            "deadline_exceeded", f"The body did not come within {settings.body_timeout_s:g} s.", status=408,
            headers={"Connection": "close"},
        ) from None  # fmt: skip
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def audio_in(body: bytes, kind: str, headers: Headers) -> bytes:
    """The bytes of the audio file."""
    if not body:
        _nothing()
    if kind == MULTIPART:
        form = _from_form(body, headers)
        return await form if len(body) <= QUICK_BYTES else await asyncio.to_thread(asyncio.run, form)
    if kind == JSON:
        return _from_json(body) if len(body) <= QUICK_BYTES else await asyncio.to_thread(_from_json, body)
    return body


async def _from_form(body: bytes, headers: Headers) -> bytes:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, stream(), max_files=1, max_fields=16, max_part_size=4096)
    parser.spool_max_size = len(body)  # it is in memory already: no file on disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:  # a ValueError comes of letters that its charset has not
        reason = f": {error.message}" if isinstance(error, MultiPartException) else "."
        raise ProblemError("invalid_request", f"The form is not understood{reason}") from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ProblemError("invalid_request", "The form has no file called `file`: curl -F file=@sound.wav")
        return await file.read() or _nothing()
    finally:
        await form.close()


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
