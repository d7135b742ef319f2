"""Undoes the compression of a body, which some of the protocol's clients apply, within the bounds of any body."""

import asyncio
import zlib

from service.bodies import Held
from service.problems import ProblemError

_FORMATS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""As zlib numbers them; what HTTP calls `deflate` is zlib's own format."""

_STEP = 2**20
"""Bytes that go in, or come out, before anybody looks whether they are too many."""


async def inflated(body: bytes, encoding: str | None, most: int, held: Held) -> bytes:
    """The body as it was before it was packed; one that grows beyond the bound is given up on the way."""
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    if name not in _FORMATS:
        raise ProblemError(
            "unsupported_media_type", f"A Content-Encoding of {name[:50]} is not taken: send {' or '.join(_FORMATS)}."
        )
    stream = zlib.decompressobj(_FORMATS[name])
    parts: list[bytes] = []
    size = 0
    for start in range(0, len(body), _STEP):
        piece = body[start : start + _STEP]
        while piece:
            part, piece = await asyncio.to_thread(_step, stream, piece, name)
            size += len(part)
            if size > most:
                raise ProblemError("too_large", f"Unpacked, the body is larger than the {most:,} bytes of any body.")
            held.take(len(part))
            parts.append(part)
    parts.append(stream.flush())
    if not stream.eof:
        raise ProblemError("invalid_request", f"The body is cut short: its {name} does not end.")
    return b"".join(parts)


def _step(stream: "zlib._Decompress", piece: bytes, name: str) -> tuple[bytes, bytes]:
    try:
        part = stream.decompress(piece, _STEP)
    except zlib.error:
        raise ProblemError("invalid_request", f"The body is not {name}, as its Content-Encoding says.") from None
    if stream.unused_data:
        raise ProblemError("invalid_request", f"After the end of its {name}, the body goes on.")
    return part, stream.unconsumed_tail
