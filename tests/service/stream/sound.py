"""Openings and PCM for tests."""

import numpy as np
from numpy.typing import NDArray

from service.stream.messages import Opening


def opening(**fields: object) -> Opening:
    """One that fits, but for what is said otherwise."""
    return Opening.model_validate({"format": "f32le", "sample_rate": 4000} | fields)


def f32(samples: NDArray[np.floating]) -> bytes:
    """As 32-bit floats."""
    return samples.astype("<f4").tobytes()


def s16(samples: NDArray[np.floating]) -> bytes:
    """As 16-bit integers."""
    return np.round(samples * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2").tobytes()


def chopped(data: bytes, sizes: list[int]) -> list[bytes]:
    """In pieces of these sizes, the last one with all that is left."""
    ends = np.cumsum(sizes).tolist()
    starts = [0, *ends]
    return [data[start:end] for start, end in zip(starts, [*ends, len(data)], strict=True)]
