"""How long a connection waits for its client: one clock for what is to be sent, one for what is to be read."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

UNREAD_S = 60.0
"""An answer that its client does not read is kept so long: enough for a megabyte at 20 kB/s."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which waits for nothing longer than it is told to."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (uvicorn's own)
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to wait for."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read most of it."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for a long time."""
        self._close()

    def _close(self) -> None:
        """Once what was answered has been read, or will not be."""
        self._stop_timer()
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)
        self.transport.close()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        """Unless something else is to be waited for before."""
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
