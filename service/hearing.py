"""Makes waveforms of bytes, off the event loop and not too many at once; what is no sound never gets to the queue."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from contract.audio import AudioInfo, Limits, decode_plain, decode_whole
from service.batcher import Overloaded
from service.cores import cores
from service.engines.base import Wave
from service.line import LineClosed
from service.priority import compute_later
from service.waiting import in_time

QUICK_BYTES = 2**20
"""Plain PCM at the model's own rate up to this size needs no thread: it waits as it came, and is scaled on its way
into the engine's buffer."""

_SILENCE = (
    b"RIFF\x24\x04\x00\x00WAVEfmt \x10\x00\x00\x00\x03\x00\x01\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x20\x00"
    b"data\x00\x04\x00\x00" + bytes(1024)
)
"""256 samples at 44.1 kHz, of a kind that takes the longest way: through libsndfile and the resampler."""

WEIGHT = 0.1
"""Of the newest sound, in what is known of how long sounds take."""


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
        self._pool = ThreadPoolExecutor(self._threads, "decode", initializer=compute_later)
        self._pending_bytes = 0
        self._seconds_per_byte = 0.0
        self.pending = 0
        """Sounds that are being decoded or wait for it."""

    def warm_up(self) -> None:
        """Load what decoding and resampling need, so that no request pays for a first time."""
        decode_whole(_SILENCE, self._sample_rate)

    def admit(self, deadline: float) -> None:
        """Refuse what could not even be decoded in time; on the clock of the line."""
        wait = self._pending_bytes * self._seconds_per_byte / self._threads
        if self.pending >= self._most_waiting:
            raise Overloaded("Too many sounds wait to be decoded.", wait)
        if self.pending and (late := time.monotonic() + wait - deadline) > 0:
            raise Overloaded("The sound could not be decoded before its deadline, so no work is spent on it.", late)

    async def hear(
        self, data: bytes | memoryview, deadline: float, gone: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[Sound, float]:
        """The waveform and the seconds that it took to make it; an AudioError says why there is none.

        Nothing is done for a client that is gone, nor after the deadline.
        """
        if len(data) <= QUICK_BYTES:
            start = time.perf_counter()
            plain = decode_plain(data, self._sample_rate, limits=self._limits)
            if plain is not None:
                return Sound(*plain), time.perf_counter() - start
        self.admit(deadline)
        sound, seconds = await in_time(self._submitted(data), deadline, gone)
        self._seconds_per_byte += WEIGHT * (seconds / len(data) - self._seconds_per_byte)
        return sound, seconds

    def close(self) -> None:
        """End the threads, once they have nothing to do."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submitted(self, data: bytes | memoryview) -> "Future[tuple[Sound, float]]":
        try:
            work = self._pool.submit(self._timed, data)
        except RuntimeError:
            raise LineClosed("the model was replaced, or the service is shutting down") from None
        self.pending += 1
        self._pending_bytes += len(data)
        loop = asyncio.get_running_loop()

        def over(_: "Future[tuple[Sound, float]]") -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody counts any more
                loop.call_soon_threadsafe(self._done, len(data))

        work.add_done_callback(over)
        return work

    def _done(self, size: int) -> None:
        self.pending -= 1
        self._pending_bytes -= size

    def _timed(self, data: bytes | memoryview) -> tuple[Sound, float]:
        start = time.perf_counter()
        decoded = decode_whole(data, self._sample_rate, limits=self._limits)
        return Sound(*decoded), time.perf_counter() - start
