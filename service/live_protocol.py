"""A WebSocket connection: uvicorn's, let go of when its client stops reading."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PATIENCE_S = 10.0
"""What was sent and not read for so long will not be read: without an end, it would hold up the service's end."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (uvicorn's own)
        super().__init__(*args, **options)
        self._letting_go: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """More was sent than the client has read."""
        super().pause_writing()
        self._letting_go = self.loop.call_later(PATIENCE_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._keep()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to wait for."""
        self._keep()
        super().connection_lost(exc)

    def _keep(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None
