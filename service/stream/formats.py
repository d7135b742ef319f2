"""The forms that raw PCM may have in a live stream."""

from typing import Literal

SampleFormat = Literal["s16le", "f32le"]
"""16-bit integers, or 32-bit floats from -1 to 1; little-endian, channels interleaved."""

SAMPLE_BYTES: dict[SampleFormat, int] = {"s16le": 2, "f32le": 4}
