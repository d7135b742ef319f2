"""Makes a model's waveform of raw PCM that comes in pieces of any size: mono float32 at the model's rate.

The same samples as of the same sound in a file, however it is cut into messages. Not here: windows and hops.
"""

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from contract.audio import PCM16_SCALE, RESAMPLER_QUALITY, UndecodableAudio, is_in_range
from service.engines.base import Samples
from service.stream.messages import Opening

_TYPES: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


class Intake:
    """What is carried over from one message to the next: a part of a frame, and the resampler's memory."""

    def __init__(self, opening: Opening, sample_rate: int) -> None:
        self._dtype = _TYPES[opening.format]
        self._channels = opening.channels
        self._frame_bytes = self._dtype.itemsize * opening.channels
        self._rest = b""
        self._resampler = (
            None
            if opening.sample_rate == sample_rate
            else soxr.ResampleStream(opening.sample_rate, sample_rate, 1, dtype="float32", quality=RESAMPLER_QUALITY)
        )
        self.bytes_per_second = self._frame_bytes * opening.sample_rate

    def hear(self, data: bytes) -> Samples:
        """As many samples as can be had of it by now; a resampler holds some back until it knows what follows."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        return self._resampled(self._mono(np.frombuffer(data[:whole], self._dtype)), last=False)

    def end(self) -> Samples:
        """What was held back; a part of a frame is dropped."""
        return self._resampled(np.empty(0, np.float32), last=True)

    def _mono(self, samples: NDArray[Any]) -> Samples:
        frames = samples.reshape(-1, self._channels).astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            mono: Samples = frames.mean(axis=1, dtype=np.float32) if self._channels > 1 else frames[:, 0]
        if self._dtype.kind == "i":
            mono *= PCM16_SCALE
        return _checked(mono)

    def _resampled(self, mono: Samples, *, last: bool) -> Samples:
        if self._resampler is None:
            return mono
        return _checked(self._resampler.resample_chunk(np.ascontiguousarray(mono), last=last))


def _checked(samples: Samples) -> Samples:
    if not is_in_range(samples):
        raise UndecodableAudio("The sound holds samples that are not numbers, or are beyond all range.")
    return samples
