"""Tells by its bytes which container an audio file is, and whether it was cut short.

Only known signatures pass on to a decoder: the rarer formats that decoders would accept are not worth the
risk on bytes from strangers. Nothing here decodes a sample.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

MAX_CHUNKS = 10_000
"""A walk over chunks ends here: real files hold dozens, a forged one could hold millions of empty ones."""

OPEN_ENDS = (range(0x7FFF_F000, 0x8000_0001), range(0xFFFF_FF00, 0x1_0000_0000))
"""Sizes that writers to a pipe leave in a header, for "until the end": just below 2 GiB (sox, arecord) and
4 GiB (ffmpeg, and what subtracts a header from it)."""

LARGEST_MP3_FRAME = 1_441
"""Bytes (layer III, 320 kbit/s, 32 kHz, padded): the tolerance for tags that count one frame more or less."""

MP3_TAG_REACH = 64
"""Bytes of the first MP3 frame within which an encoder puts its Xing tag (36 at most), and some."""


@dataclass(frozen=True, slots=True)
class Container:
    """A recognised container; `demuxer` is ffmpeg's name for it where only ffmpeg reads it."""

    name: str
    demuxer: str | None = None


class WavLayout(NamedTuple):
    """Where the samples of a WAV file lie; `declared` is their size in bytes, None where the end is open."""

    encoding: int
    channels: int
    sample_rate: int
    frame_bytes: int
    bits: int
    start: int
    declared: int | None


def recognise(data: bytes) -> Container | None:
    """Name the container by its signature, or None."""
    start = _audio_start(data)
    head = data[start : start + 32]
    for offset, signature, container in _SIGNATURES:
        if head.startswith(signature, offset):
            return container
    if head[:4] in {b"RIFF", b"RIFX", b"RF64"} and head[8:12] == b"WAVE":
        return Container("WAV")
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return Container("AIFF")
    if head[:4] == b"caff":
        return Container("CAF", None if head[28:32] in _PLAIN_CAF_CODECS else "caf")
    return _recognise_mpeg(head) or (Container("MP3") if start else None)


def is_cut_short(container: Container, data: bytes) -> bool:
    """Whether the container's own structure runs past the end of the data. False where it cannot tell."""
    check = _CUT_CHECKS.get(container.name)
    return check is not None and check(data)


def wav_layout(data: bytes | memoryview) -> WavLayout | None:
    """Find format and samples of a little-endian WAV file; None where it has no such chunks."""
    if bytes(data[:4]) not in {b"RIFF", b"RF64"}:
        return None
    riff_size = int.from_bytes(data[4:8], "little")
    form: tuple[int, ...] | None = None
    long_size: int | None = None
    for kind, start, size in _chunks(data, "<"):
        if kind == b"ds64" and start + 16 <= len(data):
            (long_size,) = struct.unpack_from("<Q", data, start + 8)
        elif kind == b"fmt " and start + 16 <= len(data):
            form = struct.unpack_from("<HHIIHH", data, start)
        elif kind == b"data" and form is not None:
            encoding, channels, sample_rate, _, frame_bytes, bits = form
            declared = _declared_size(size, long_size, unfinished=_ends_by(riff_size, start))
            return WavLayout(encoding, channels, sample_rate, frame_bytes, bits, start, declared)
    return None


def mp3_audio_size(data: bytes) -> int | None:
    """The bytes of audio by the Xing tag that most encoders put inside the first frame; None without it.

    It is the only length that an MP3 declares: without it, decoders guess from the bit rate.
    """
    start = _audio_start(data)
    head = data[start : start + MP3_TAG_REACH]
    tag = max(head.find(b"Xing"), head.find(b"Info"))
    if tag < 0 or start + tag + 16 > len(data):
        return None
    flags, _, size = struct.unpack_from(">III", data, start + tag + 4)
    has_frames_and_size = flags & 0b11 == 0b11
    return int(size) if has_frames_and_size else None


def with_open_end(data: bytes) -> bytes:
    """A streamed WAV whose sample size was left at zero, made readable: its samples go on to the end."""
    layout = wav_layout(data)
    if layout is None or layout.declared is not None or data[layout.start - 4 : layout.start] != bytes(4):
        return data
    return data[: layout.start - 4] + b"\xff\xff\xff\xff" + data[layout.start :]


def _declared_size(size: int, long_size: int | None, *, unfinished: bool) -> int | None:
    if long_size is not None and size == 0xFFFF_FFFF:
        return long_size if 0 < long_size < 2**63 else None
    return None if _is_open_end(size) or (size == 0 and unfinished) else size


def _is_open_end(size: int) -> bool:
    return any(size in ends for ends in OPEN_ENDS)


def _ends_by(riff_size: int, start: int) -> bool:
    """Whether the outer chunk ends where the samples begin: its writer never came back to fill in sizes."""
    return riff_size + 8 <= start or _is_open_end(riff_size)


def _chunks(data: bytes | memoryview, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and declared size of each chunk of a RIFF ("<") or IFF (">") file."""
    header = struct.Struct(f"{order}4sI")
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + header.size > len(data):
            return
        kind, size = header.unpack_from(data, position)
        position += header.size
        yield kind, position, size
        position += size + size % 2


def _audio_start(data: bytes) -> int:
    """The end of a leading ID3v2 tag, or 0."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _recognise_mpeg(head: bytes) -> Container | None:
    """MPEG audio has no signature but 11 bits of frame sync; its layer bits tell MP3 and MP2 from AAC."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer = head[1] >> 1 & 0b11
    if layer in {0b01, 0b10}:
        return Container("MP3")
    return Container("AAC", "aac") if layer == 0 and head[1] & 0xF0 == 0xF0 else None


def _wav_is_cut(data: bytes) -> bool:
    layout = wav_layout(data)
    return layout is not None and layout.declared is not None and layout.start + layout.declared > len(data)


def _aiff_is_cut(data: bytes) -> bool:
    return any(
        kind == b"SSND" and not _is_open_end(size) and start + size > len(data)
        for kind, start, size in _chunks(data, ">")
    )


def _au_is_cut(data: bytes) -> bool:
    if len(data) < 12:
        return True
    offset, size = struct.unpack_from(">II", data, 4)
    return not _is_open_end(size) and offset + size > len(data)


def _ogg_is_cut(data: bytes) -> bool:
    """An Ogg stream ends by a whole page with the end-of-stream flag."""
    page = data.rfind(b"OggS")
    if page + 27 > len(data):
        return True
    is_last, segments = data[page + 5] & 0x04, data[page + 26]
    lengths = data[page + 27 : page + 27 + segments]
    return not is_last or page + 27 + segments + sum(lengths) > len(data)


def _mp3_is_cut(data: bytes) -> bool:
    size = mp3_audio_size(data)
    return size is not None and _audio_start(data) + size > len(data) + LARGEST_MP3_FRAME


def _caf_is_cut(data: bytes) -> bool:
    position = 8
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            return False
        (size,) = struct.unpack_from(">q", data, position + 4)
        if size < 0:  # -1: until the end
            return False
        position += 12 + size
        if position > len(data):
            return True
    return False


def _mp4_is_cut(data: bytes) -> bool:
    position = 0
    for _ in range(MAX_CHUNKS):
        if position + 16 > len(data):
            return False
        size, kind = struct.unpack_from(">I4s", data, position)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
        if size < 8:  # 0: until the end; anything else is padding or junk
            return False
        position += size
        if position > len(data):
            return kind in {b"mdat", b"moov", b"moof"}
    return False


_SIGNATURES: tuple[tuple[int, bytes, Container], ...] = (
    (0, b"fLaC", Container("FLAC")),
    (0, b"OggS", Container("Ogg")),
    (0, b".snd", Container("AU")),
    (4, b"ftyp", Container("MP4", "mov")),
    (0, b"\x1a\x45\xdf\xa3", Container("WebM", "matroska")),
    (0, b"#!AMR", Container("AMR", "amr")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container("WMA", "asf")),
)

_PLAIN_CAF_CODECS = frozenset({b"lpcm", b"alac", b"ulaw", b"alaw"})

_CUT_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "WAV": _wav_is_cut,
    "AIFF": _aiff_is_cut,
    "AU": _au_is_cut,
    "Ogg": _ogg_is_cut,
    "MP3": _mp3_is_cut,
    "CAF": _caf_is_cut,
    "MP4": _mp4_is_cut,
}
