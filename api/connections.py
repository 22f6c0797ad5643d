"""How uvicorn treats connections here: a client that takes nothing any more is given up.

uvicorn waits for a client for ever, and closes a connection only once everything is sent. A client
that stalls, or means harm, would keep its connection and whoever waits to send to it.
"""

import asyncio

from uvicorn import Config
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PATIENCE_PINGS = 3
"""How long a client may take nothing, in lengths of `SOCKET_PING_SECONDS`."""


class Impatient(asyncio.Protocol):
    """Cuts a connection whose buffer does not get emptier for too long."""

    config: Config
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _giving_up: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Begin to count: the buffer is full."""
        super().pause_writing()
        seconds = PATIENCE_PINGS * (self.config.ws_ping_interval or 0)
        if seconds:
            self._giving_up = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop counting: the client took most of it."""
        self._stop_counting()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting: it is over anyhow."""
        self._stop_counting()
        super().connection_lost(exc)

    def _stop_counting(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None


class RequestProtocol(Impatient, AutoHTTPProtocol):  # type: ignore[valid-type, misc]  # uvicorn chooses at run time
    """HTTP, with event streams."""


class SocketProtocol(Impatient, WebSocketsSansIOProtocol):
    """WebSocket."""
