"""Opens audio bytes as a stream of blocks, so that no header decides how much memory is taken.

Plain 16-bit WAV is read by numpy (six times faster than by libsndfile, and equal to it), the common formats
by libsndfile, the rest by ffmpeg. Bounds are not checked here.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from contract import ffmpeg
from contract.audio_types import AudioInfo, TruncatedAudio, UndecodableAudio
from contract.containers import (
    Container,
    WavLayout,
    is_cut_short,
    mp3_audio_size,
    recognise,
    wav_layout,
    with_open_end,
)

BLOCK_FRAMES = 2**18
"""Six seconds at 44.1 kHz: a usual clip is one block, and 16 channels of it take 16 MiB."""

PCM = 1
"""WAV's code for plain integer samples."""

PCM16_SCALE = np.float32(1 / 2**15)
"""Full scale becomes ±1; a power of two, so that nothing is rounded."""

UNKNOWN_FRAMES = 2**63 - 1
"""What libsndfile says where the header does not give a length."""


class Reader(NamedTuple):
    """An open file: what its header says, and its samples as blocks of shape (frames, channels)."""

    info: AudioInfo
    blocks: Iterator[NDArray[np.float32]]


@contextmanager
def open_audio(data: bytes, max_seconds: float) -> Iterator[Reader]:
    """Open the bytes of a file. `max_seconds` spares ffmpeg the work that will be refused anyway."""
    container = _recognised(data)
    if container.demuxer is not None:
        with ffmpeg.open_stream(data, container, max_seconds) as stream:
            yield Reader(stream.info, _ffmpeg_blocks(stream))
        return
    layout = wav_layout(data) if container.name == "WAV" else None
    if layout is not None and is_plain_pcm16(layout):
        yield _read_pcm16(data, layout)
        return
    with _open_soundfile(data) as file:
        yield Reader(_soundfile_info(file, container, data), _soundfile_blocks(file, container))


def read_info(data: bytes) -> AudioInfo:
    """Read what the header says, and no samples."""
    container = _recognised(data)
    if container.demuxer is not None:
        return ffmpeg.read_info(data, container)
    with _open_soundfile(data) as file:
        return _soundfile_info(file, container, data)


class _ForwardOnlyFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """Otherwise soundfile seeks after each read, which FLAC streams without a length answer with an error."""

    def seekable(self) -> bool:
        return False


class _Bytes(io.BytesIO):
    """Forged sizes make libsndfile seek where nothing is; its callback cannot take an exception."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def _recognised(data: bytes) -> Container:
    container = recognise(data)
    if container is None:
        raise UndecodableAudio("This is not audio in a known format, such as WAV, FLAC, OGG, MP3 or M4A.")
    if is_cut_short(container, data):
        raise TruncatedAudio(f"The {container.name} file is cut short: it ends before the audio does.")
    return container


def is_plain_pcm16(layout: WavLayout) -> bool:
    """Whether numpy alone can read these samples."""
    return (
        (layout.encoding, layout.bits, layout.frame_bytes) == (PCM, 16, 2 * layout.channels)
        and layout.channels > 0
        and layout.sample_rate > 0
    )


def _read_pcm16(data: bytes, layout: WavLayout) -> Reader:
    size = len(data) - layout.start if layout.declared is None else layout.declared
    frames = size // layout.frame_bytes
    whole = np.frombuffer(data, "<i2", frames * layout.channels, layout.start).reshape(frames, layout.channels)
    blocks = (whole[start : start + BLOCK_FRAMES] * PCM16_SCALE for start in range(0, frames, BLOCK_FRAMES))
    info = AudioInfo("WAV", "PCM_16", layout.sample_rate, layout.channels, frames / layout.sample_rate)
    return Reader(info, blocks)


def _open_soundfile(data: bytes) -> soundfile.SoundFile:
    try:
        return _ForwardOnlyFile(_Bytes(with_open_end(data)))
    except soundfile.SoundFileError:
        raise UndecodableAudio("The audio could not be decoded: its header or its codec is not understood.") from None


def _soundfile_info(file: soundfile.SoundFile, container: Container, data: bytes) -> AudioInfo:
    is_guess = file.frames == UNKNOWN_FRAMES or (container.name == "MP3" and mp3_audio_size(data) is None)
    seconds = None if is_guess or file.samplerate < 1 else file.frames / file.samplerate
    return AudioInfo(container.name, file.subtype, file.samplerate, file.channels, seconds)


def _soundfile_blocks(file: soundfile.SoundFile, container: Container) -> Iterator[NDArray[np.float32]]:
    decoded = 0
    try:
        while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            decoded += len(block)
            yield block
    except soundfile.SoundFileError:
        raise TruncatedAudio("The audio could not be decoded to its end: it is cut short or damaged.") from None
    # Only FLAC's frame count is sure; the other containers were checked by their structure.
    if container.name == "FLAC" and decoded < file.frames < UNKNOWN_FRAMES:
        raise TruncatedAudio("The FLAC file is cut short: it holds less audio than its header says.")


def _ffmpeg_blocks(stream: ffmpeg.Stream) -> Iterator[NDArray[np.float32]]:
    channels = stream.info.channels
    frame_bytes = channels * np.dtype("<f4").itemsize
    while block := stream.read(BLOCK_FRAMES * frame_bytes):
        samples = np.frombuffer(block, "<f4", len(block) // frame_bytes * channels)
        yield samples.astype(np.float32).reshape(-1, channels)
