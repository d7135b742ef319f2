"""Sounds and files for the audio tests: made in memory, encoded by libsndfile, or broken by hand."""

import io
import struct
from pathlib import Path

import numpy as np
import soundfile

from contract.audio import Waveform

CLIPS = Path(__file__).parents[1] / "data" / "esc10-mini" / "audio"
RATE = 44_100


def tone(hertz: float, seconds: float = 0.5, sample_rate: int = RATE, level: float = 0.5) -> Waveform:
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def encode(samples: np.ndarray, kind: str, codec: str | None = None, sample_rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format=kind, subtype=codec)
    return buffer.getvalue()


def wav(
    body: bytes = bytes(2_000),
    *,
    declared: int | None = None,
    riff_size: int | None = None,
    sample_rate: int = RATE,
    channels: int = 1,
    encoding: int = 1,
    bits: int = 16,
) -> bytes:
    """A WAV file written by hand, so that its header may say anything."""
    frame_bytes = channels * bits // 8
    form = struct.pack(
        "<HHIIHH", encoding, channels, sample_rate, sample_rate * frame_bytes % 2**32, frame_bytes, bits
    )
    declared = len(body) if declared is None else declared
    riff_size = 36 + len(body) if riff_size is None else riff_size
    head = b"RIFF" + struct.pack("<I", riff_size) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    return head + b"data" + struct.pack("<I", declared) + body


def flac_claiming(samples: int) -> bytes:
    """A sound FLAC file whose header claims another length (the last 36 bits of its bytes 18 to 25)."""
    data = bytearray(encode(tone(440), "FLAC"))
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | samples
    data[18:26] = packed.to_bytes(8, "big")
    return bytes(data)
