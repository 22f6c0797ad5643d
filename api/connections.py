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
    """Cuts a connection whose buffer is full and does not get emptier for too long; a slow client is let be."""

    config: Config
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _looking: asyncio.TimerHandle | None = None
    _left = 0

    def pause_writing(self) -> None:
        """Begin to look whether the client takes anything: the buffer is full."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """Look no more: the client took most of it."""
        self._stop_looking()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more: it is over anyhow."""
        self._stop_looking()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        seconds = PATIENCE_PINGS * (self.config.ws_ping_interval or 0)
        if seconds:
            self._left = self.transport.get_write_buffer_size()
            self._looking = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        if self.transport.get_write_buffer_size() < self._left:
            self._look_later()
        else:
            self.transport.abort()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


class RequestProtocol(Impatient, AutoHTTPProtocol):  # type: ignore[valid-type, misc]  # uvicorn chooses at run time
    """HTTP, with event streams."""


class SocketProtocol(Impatient, WebSocketsSansIOProtocol):
    """WebSocket."""
