"""Wakes a coroutine at a moment, to the microsecond: timers of the event loop know milliseconds only.

At a thousand requests a second, a client that is a millisecond late is late for the next one.
"""

import asyncio
import ctypes
import os
import time
from types import TracebackType
from typing import Self

_ABSOLUTE = 1
_LEAST_NS = 1
"""A timer that is set to nothing never rings."""
_NS = 1_000_000_000


class _Setting(ctypes.Structure):
    """`struct itimerspec`: every so long, and first when, each in seconds and nanoseconds."""

    _fields_ = (("every_s", ctypes.c_long), ("every_ns", ctypes.c_long), ("s", ctypes.c_long), ("ns", ctypes.c_long))


class Alarm:
    """A timer of the kernel's on the clock of `time.perf_counter`; Linux only."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._setting = _Setting()
        self._rung: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        """The loop that runs is the one that listens to it."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._ring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    async def until(self, moment: float) -> None:
        """Wait; of a moment that has passed, only until others had their turn."""
        if moment <= time.perf_counter():
            await asyncio.sleep(0)
            return
        self._setting.s, self._setting.ns = divmod(max(_LEAST_NS, int(moment * _NS)), _NS)
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(self._setting), None)
        self._rung = self._loop.create_future()
        await self._rung

    def _ring(self) -> None:
        os.read(self._fd, 8)
        if self._rung is not None and not self._rung.done():
            self._rung.set_result(None)
