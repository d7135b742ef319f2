"""Where `earshot listen` has its sound from: a file, at the speed at which it is heard, or whatever is piped in."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contract.audio import decode, probe
from service.stream.formats import SAMPLE_BYTES, SampleFormat

PIECE_S = 0.1
"""Of sound, sent at once: a delay that nobody notices."""


class Source(NamedTuple):
    """Sound and what must be known to understand it."""

    pieces: Iterable[bytes]
    sample_rate: int
    sample_format: SampleFormat
    channels: int


def of_file(path: Path) -> Source:
    """All of a file of any common format, at its own rate."""
    sample_rate = probe(path).sample_rate
    waveform = decode(path, sample_rate).astype("<f4", copy=False)
    step = max(1, round(PIECE_S * sample_rate))
    pieces = np.split(waveform, range(step, waveform.size, step))
    return Source((piece.tobytes() for piece in pieces), sample_rate, "f32le", 1)


def of_pipe(descriptor: int, sample_rate: int, sample_format: SampleFormat, channels: int) -> Source:
    """Raw PCM, for as long as it comes."""
    most = max(1, round(PIECE_S * sample_rate)) * channels * SAMPLE_BYTES[sample_format]
    return Source(iter(lambda: os.read(descriptor, most), b""), sample_rate, sample_format, channels)


def in_real_time(
    pieces: Iterable[bytes],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """Each piece when a microphone would have it; one that is late does not make the next ones late."""
    start = clock()
    for count, piece in enumerate(pieces, 1):
        sleep(max(0.0, start + count * PIECE_S - clock()))
        yield piece
