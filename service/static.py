"""The files of the web pages, read once: only what was there at the start can be asked for, whatever a path says."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response

MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".md": "text/markdown; charset=utf-8",
    ".ogg": "audio/ogg",
    ".svg": "image/svg+xml",
}
"""Files of other kinds are not served."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-cache",  # kept, but asked about each time: an update is seen at once
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class StaticFile:
    """What is sent, and the name of this state of it."""

    content: bytes
    media_type: str
    etag: str


def static_file(content: bytes, media_type: str) -> StaticFile:
    """Named by its content."""
    return StaticFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def files_below(folder: Path) -> Mapping[str, StaticFile]:
    """All files of known kinds, by their paths below the folder."""
    return {
        path.relative_to(folder).as_posix(): static_file(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(folder.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }


def sent(file: StaticFile, request: Request) -> Response:
    """The file, or that the client has it already; of HEAD the server leaves the body away."""
    headers = HEADERS | {"ETag": file.etag}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
