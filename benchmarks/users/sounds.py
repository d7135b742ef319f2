"""What users of a load test send: real clips as files of many formats, rates and lengths, and live sound."""

import base64
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from benchmarks.clips import CLIPS
from contract.audio import Waveform, decode, decode_plain, fit
from contract.errors import EarshotError

Label = str | None
"""That an answer must name first; None where it is too close a call for any to be wrong."""

Oracle = Callable[[bytes], Label]
"""Knows the label of a file."""

PER_KIND = 2
"""Clips of every kind: to make twenty files takes a second, before any load."""

LIVE_CLIPS = 8
LIVE_S, HOP_S = 5.0, 1.0
PIECE_S = 0.1
"""Of live sound, sent at once: a delay that nobody notices."""

_BOUNDARY = "earshot-1f9a7c"
_QUIETER = 0.5
"""Of the right channel beside the left one."""


class Kind(NamedTuple):
    """A way in which people keep their sounds."""

    format: str
    subtype: str
    rate: int
    channels: int
    seconds: float


KINDS = (
    Kind("WAV", "PCM_16", 44_100, 1, 5.0),
    Kind("WAV", "PCM_24", 48_000, 2, 5.0),
    Kind("WAV", "FLOAT", 16_000, 1, 12.0),
    Kind("WAV", "PCM_16", 8_000, 1, 1.0),
    Kind("FLAC", "PCM_16", 44_100, 1, 5.0),
    Kind("FLAC", "PCM_24", 48_000, 2, 12.0),
    Kind("OGG", "VORBIS", 44_100, 1, 5.0),
    Kind("OGG", "OPUS", 48_000, 1, 1.0),
    Kind("MP3", "MPEG_LAYER_III", 44_100, 2, 5.0),
    Kind("MP3", "MPEG_LAYER_III", 22_050, 1, 12.0),
)

MEDIA_TYPES = {"WAV": "audio/wav", "FLAC": "audio/flac", "OGG": "audio/ogg", "MP3": "audio/mpeg"}


class Body(NamedTuple):
    """Of a request."""

    data: bytes
    content_type: str


@dataclass(frozen=True)
class Sound:
    """A file, and what it must be called."""

    file: bytes = field(repr=False)
    format: str
    label: Label

    @cached_property
    def bodies(self) -> dict[str, Body]:
        """The three ways to send it; made once, for a load is no time to pack."""
        return {"raw": self._raw, "form": self._form, "JSON": self._json}

    @property
    def _raw(self) -> Body:
        return Body(self.file, MEDIA_TYPES[self.format])

    @property
    def _form(self) -> Body:
        about = f'Content-Disposition: form-data; name="file"; filename="sound.{self.format.lower()}"'
        head = f"--{_BOUNDARY}\r\n{about}\r\nContent-Type: {MEDIA_TYPES[self.format]}\r\n\r\n"
        whole = head.encode() + self.file + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return Body(whole, f"multipart/form-data; boundary={_BOUNDARY}")

    @property
    def _json(self) -> Body:
        return Body(b'{"audio": "' + base64.b64encode(self.file) + b'"}', "application/json")


@dataclass(frozen=True)
class Live:
    """Five seconds as a microphone would hear them, and what they must be called after every hop.

    At the model's own rate: a resampler holds samples back until it knows what follows, so that an answer would wait
    for the next piece of sound, which is no doing of the service.
    """

    pcm: bytes = field(repr=False)
    rate: int
    labels: tuple[Label, ...]

    @property
    def pieces(self) -> Iterator[bytes]:
        """As they come from a microphone, 16 bit."""
        step = 2 * round(PIECE_S * self.rate)
        return (self.pcm[start : start + step] for start in range(0, len(self.pcm), step))

    def label_at(self, end_s: float) -> Label:
        """Of the hop that ends there; what comes after the last one takes any."""
        hop = round(end_s / HOP_S)
        return self.labels[hop - 1] if 1 <= hop <= len(self.labels) else None


class Pace:
    """Hands out pieces when a microphone would have them, and knows since when an answer has been due."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._begun: float | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._begun = time.perf_counter()
        for count, piece in enumerate(self._pieces, 1):
            time.sleep(max(0.0, self._begun + count * PIECE_S - time.perf_counter()))
            yield piece

    def late_ms(self, end_s: float) -> float:
        """How long ago the sound that ends there was to be sent: delays of the client count."""
        begun = time.perf_counter() if self._begun is None else self._begun
        return 1000 * (time.perf_counter() - begun - end_s)


def sounds(oracle: Oracle, folder: Path = CLIPS) -> list[Sound]:
    """Every kind, of clips that take turns."""
    paths = _paths(folder)
    made = []
    for turn, kind in enumerate(KINDS * PER_KIND):
        first = turn * len(paths) // (len(KINDS) * PER_KIND)
        file = encoded(_heard(paths, first, kind.rate, kind.seconds), kind)
        made.append(Sound(file, kind.format, oracle(file)))
    return made


def live_sounds(oracle: Oracle, rate: int, folder: Path = CLIPS) -> list[Live]:
    """For streams. A hop is called what a file would be that ends with it."""
    paths = _paths(folder)
    kind = Kind("WAV", "PCM_16", rate, 1, LIVE_S)
    waveforms = [_heard(paths, turn * len(paths) // LIVE_CLIPS, rate, LIVE_S) for turn in range(LIVE_CLIPS)]
    ends = [round((hop + 1) * HOP_S * rate) for hop in range(int(LIVE_S / HOP_S))]
    return [
        Live(
            _pcm16(encoded(waveform, kind), rate), rate, tuple(oracle(encoded(waveform[:end], kind)) for end in ends)
        )
        for waveform in waveforms
    ]


def encoded(waveform: Waveform, kind: Kind) -> bytes:
    """As a file."""
    channels = [waveform, _QUIETER * waveform][: kind.channels]
    file = io.BytesIO()
    soundfile.write(file, np.stack(channels, axis=1), kind.rate, format=kind.format, subtype=kind.subtype)
    return file.getvalue()


def _heard(paths: Sequence[Path], turn: int, rate: int, seconds: float) -> Waveform:
    """From a clip on, with the next ones behind it where it is too short."""
    wanted = round(seconds * rate)
    heard = decode(paths[turn % len(paths)], rate)
    while heard.size < wanted:
        turn += 1
        heard = np.concatenate([heard, decode(paths[turn % len(paths)], rate)])
    return fit(heard, wanted)


def _pcm16(wav: bytes, rate: int) -> bytes:
    """The samples of a plain file."""
    plain = decode_plain(wav, rate)
    assert plain is not None  # noqa: S101  (it was made so)
    return plain.samples.tobytes()


def _paths(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.ogg"))
    if not paths:
        raise EarshotError(f"{folder}: there are no sounds to send; a load test needs the clips of a checkout")
    return paths
