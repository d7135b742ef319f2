"""Makes waveforms of bytes, off the event loop and not too many at once; what is no sound never gets to the queue."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from contract.audio import AudioInfo, Limits, decode_plain, decode_whole
from service.batcher import Overloaded
from service.cores import cores
from service.engines.base import Wave

QUICK_BYTES = 2**20
"""Plain PCM at the model's own rate up to this size needs no thread: it waits as it came, and is scaled on its way
into the engine's buffer."""

TYPICAL_S = 0.003
"""To decode and resample a clip, for the prediction of a wait."""


class Sound(NamedTuple):
    """What is to be named, at the model's rate, and what it was sent as."""

    waveform: Wave
    info: AudioInfo


class Hearing:
    """Decodes for one model."""

    def __init__(self, sample_rate: int, limits: Limits, most_waiting: int) -> None:
        self._sample_rate = sample_rate
        self._limits = limits
        self._most_waiting = most_waiting
        self._threads = cores()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="decode")
        self.pending = 0
        """Sounds that are being decoded or wait for it."""

    async def hear(self, data: bytes) -> tuple[Sound, float]:
        """The waveform and the seconds that it took to make it; an AudioError says why there is none."""
        if len(data) <= QUICK_BYTES:
            start = time.perf_counter()
            plain = decode_plain(data, self._sample_rate, limits=self._limits)
            if plain is not None:
                return Sound(*plain), time.perf_counter() - start
        if self.pending >= self._most_waiting:
            raise Overloaded("Too many sounds wait to be decoded.", self.pending * TYPICAL_S / self._threads)
        self.pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._timed, data)
        finally:
            self.pending -= 1

    def close(self) -> None:
        """End the threads, once they have nothing to do."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _timed(self, data: bytes) -> tuple[Sound, float]:
        start = time.perf_counter()
        decoded = decode_whole(data, self._sample_rate, limits=self._limits)
        return Sound(*decoded), time.perf_counter() - start
