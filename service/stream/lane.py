"""Where one stream's hops wait for the engine: one at most, the newest, while at most one is being answered."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from service.stream.session import Hop


class Due(NamedTuple):
    """A hop that is to be answered."""

    hop: Hop
    since: float
    """When its last sample was there, on the monotonic clock."""


class Lane:
    """One puts hops in, one other takes them out. Of one event loop."""

    def __init__(self, on_skip: Callable[[], None] = lambda: None) -> None:
        self._on_skip = on_skip
        self._next: Due | None = None
        self._closed = False
        self._changed = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self.skipped = 0
        """Hops so far that were never taken."""

    def put(self, hop: Hop) -> None:
        """It is the next one, in place of one that still waits."""
        self._drop()
        self._next = Due(hop, time.monotonic())
        self._free.clear()
        self._changed.set()

    async def take(self) -> Due | None:
        """The next hop, when the one before is done with; None once the lane is closed and empty."""
        while self._next is None:
            self._free.set()
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        due, self._next = self._next, None
        return due

    async def free(self) -> None:
        """Comes back when nothing waits and nothing is being answered."""
        await self._free.wait()

    def close(self, *, drop: bool) -> None:
        """No more hops will come; one that still waits may be dropped."""
        if drop:
            self._drop()
        self._closed = True
        self._changed.set()

    def _drop(self) -> None:
        if self._next is not None:
            self._next = None
            self.skipped += 1
            self._on_skip()
