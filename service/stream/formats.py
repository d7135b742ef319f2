"""The forms that raw PCM may have in a live stream."""

from typing import Literal

SampleFormat = Literal["s16le", "f32le"]
"""16-bit integers, or 32-bit floats from -1 to 1; little-endian, channels interleaved."""

SAMPLE_BYTES: dict[SampleFormat, int] = {"s16le": 2, "f32le": 4}


def in_full(name: object) -> object:
    """The byte order may be left out: there is only one."""
    return {"s16": "s16le", "f32": "f32le"}.get(name, name) if isinstance(name, str) else name
