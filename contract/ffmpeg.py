"""Reads what libsndfile cannot (M4A, AAC, 3GP, WebM, AMR, WMA, some CAF) through the `ffmpeg` program.

ffmpeg sees a temporary file, the one demuxer that fits its signature, and no protocol but `file`: so
playlists and network addresses inside an upload are never followed. It writes a WAV stream of 32-bit floats
to a pipe.
"""

import io
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from contract.audio_types import AudioInfo, DecoderMissing, UndecodableAudio
from contract.containers import Container, wav_layout

PROGRAM = "ffmpeg"

TIMEOUT_S = 30.0
"""AAC decodes a thousand times faster than it plays: what takes longer than this is stuck, or made to be."""

RIFF_HEAD_BYTES = 12
CHUNK_HEAD_BYTES = 8

MAX_HEADER_BYTES = 4096
"""The header that ffmpeg writes takes 68 bytes; much more than that is not one."""

OVERRUN_SECONDS = 1.0
"""Decoded beyond the bound, so that the caller sees that the bound was passed."""


class Stream(NamedTuple):
    """Decoded audio: `read(n)` gives the next n bytes of interleaved little-endian float32."""

    info: AudioInfo
    read: Callable[[int], bytes]


@contextmanager
def open_stream(data: bytes, container: Container, max_seconds: float) -> Iterator[Stream]:
    """Decode through a pipe; the process ends with the context, and at the latest with the timeout."""
    with _input_file(data, container) as path:
        command = _command(path, container, max_seconds + OVERRUN_SECONDS)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
            watchdog = threading.Timer(TIMEOUT_S, process.kill)
            watchdog.start()
            try:
                yield _stream(process, container)
            finally:
                watchdog.cancel()
                process.kill()


def read_info(data: bytes, container: Container) -> AudioInfo:
    """What the header says, by decoding nothing of it."""
    with _input_file(data, container) as path:
        try:
            done = subprocess.run(  # noqa: S603
                _command(path, container, seconds=0), capture_output=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise _undecodable(container) from None
    return _info(io.BytesIO(done.stdout), container, log=done.stderr.decode(errors="replace"))


def _stream(process: subprocess.Popen[bytes], container: Container) -> Stream:
    pipe = cast(IO[bytes], process.stdout)

    def read(size: int) -> bytes:
        block = pipe.read(size)
        if len(block) < size and process.wait() != 0:
            raise _undecodable(container)
        return block

    return Stream(_info(pipe, container), read)


@contextmanager
def _input_file(data: bytes, container: Container) -> Iterator[Path]:
    """A file, since M4A often has its index at the end and a pipe cannot go back."""
    if shutil.which(PROGRAM) is None:
        raise DecoderMissing(
            f"Reading {container.name} audio needs the program ffmpeg, which is not installed here. "
            "Install it (for example: apt-get install ffmpeg), or send WAV, FLAC, OGG or MP3."
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "audio")
        path.write_bytes(data)
        yield path


def _command(path: Path, container: Container, seconds: float) -> list[str]:
    demuxer = container.demuxer or ""
    source = ["-protocol_whitelist", "file", "-f", demuxer, "-i", f"file:{path}", "-map", "0:a:0"]
    plain_header = ["-map_metadata", "-1", "-fflags", "+bitexact"]
    target = ["-t", f"{seconds:.3f}", *plain_header, "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
    return [PROGRAM, "-nostdin", "-hide_banner", "-threads", "1", *source, *target]


def _info(pipe: IO[bytes], container: Container, log: str = "") -> AudioInfo:
    layout = wav_layout(_read_header(pipe))
    if layout is None or layout.channels < 1:
        raise _undecodable(container)
    codec = _CODEC.search(log)
    return AudioInfo(
        format=container.name,
        codec=codec[1].upper() if codec else container.name,
        sample_rate=layout.sample_rate,
        channels=layout.channels,
        seconds=_seconds(log),
    )


def _read_header(pipe: IO[bytes]) -> bytes:
    """Everything before the first sample, and not a byte of the samples."""
    header = pipe.read(RIFF_HEAD_BYTES)
    while len(header) < MAX_HEADER_BYTES:
        chunk = pipe.read(CHUNK_HEAD_BYTES)
        header += chunk
        if len(chunk) < CHUNK_HEAD_BYTES or chunk.startswith(b"data"):
            break
        header += pipe.read(int.from_bytes(chunk[4:], "little"))
    return header


def _seconds(log: str) -> float | None:
    duration = _DURATION.search(log)
    if duration is None or "Estimating duration" in log:  # from the bit rate, and often far off
        return None
    hours, minutes, seconds = duration.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _undecodable(container: Container) -> UndecodableAudio:
    return UndecodableAudio(f"The {container.name} file could not be decoded, or holds no sound.")


_CODEC = re.compile(r"Audio: (\w+)")
_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")
