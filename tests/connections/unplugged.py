"""A protocol without a network: what it is told at which moment is the test's choice, and what it says is kept."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from uvicorn import Config
from uvicorn.server import ServerState

from api.core.connection_limits import ConnectionLimits
from api.server.connections import Connections, Guarded

P = TypeVar("P", bound=Guarded)

LIMITS = ConnectionLimits(
    connections=2, per_address=2, head_seconds=10, head_bytes=4096, body_seconds=10, body_bytes=8000
)


class Transport(asyncio.Transport):
    """The server's end of a connection: what was written, and how it ended."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)})
        self.written = b""
        self.waiting = 0
        self.ends: list[str] = []

    def write(self, data: Any) -> None:
        """Keep what is sent."""
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        """Return how much the client has not taken, which the test says."""
        return self.waiting

    def can_write_eof(self) -> bool:
        """Return that one side can be closed."""
        return True

    def write_eof(self) -> None:
        """Note that nothing follows."""
        self.ends.append("eof")

    def close(self) -> None:
        """Note it."""
        self.ends.append("closed")

    def abort(self) -> None:
        """Note it."""
        self.ends.append("aborted")

    def is_closing(self) -> bool:
        """Return whether the server closed it."""
        return bool({"closed", "aborted"} & set(self.ends))

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""


def plug(kind: Callable[..., P], app: Any, book: Connections | None = None, **options: Any) -> tuple[P, Transport]:
    """Return a connection of that kind to an application, and its transport."""
    config = Config(app, interface="asgi3", lifespan="off", log_config=None, ws_ping_interval=None, **options)
    config.load()
    protocol = kind(book=book or Connections(LIMITS), config=config, server_state=ServerState(), app_state={})
    transport = Transport()
    protocol.connection_made(transport)
    return protocol, transport
