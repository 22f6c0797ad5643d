"""What holds for every connection: how many there may be, and that a client who takes nothing is given up.

uvicorn counts no connections, waits for a client for ever, and closes a connection only once everything is
sent. A client that stalls, or means harm, would keep its connection and whoever waits to send to it.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from uvicorn import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.core.addresses import network_of
from api.core.connection_limits import ConnectionLimits

if sys.platform != "win32":
    import resource

PATIENCE_PINGS = 3
"""How long a client may take nothing, in lengths of `SOCKET_PING_SECONDS`."""

LINGER_SECONDS = 10.0
"""How long what a refused client still sends is thrown away, so that it can read why (RFC 9112, section 9.6)."""

RESERVED_FILES = 64
"""Open files that are left to databases, logs and libraries."""


class Unfinished(Protocol):
    """A request whose body is not whole yet."""

    def give_way(self) -> None:
        """End it: others need the memory."""


@dataclass
class Connections:
    """The connections that a process has open, and what they have sent of bodies that are not whole yet."""

    limits: ConnectionLimits
    open: int = 0
    by_network: Counter[str] = field(default_factory=Counter)
    bodies: dict[Unfinished, int] = field(default_factory=dict)
    body_bytes: int = 0

    def enter(self, network: str | None) -> bool:
        """Count one more, unless there are as many as allowed; a network of None is a proxy's."""
        if self.open >= self.limits.connections:
            return False
        if network is not None and self.by_network[network] >= self.limits.per_address:
            return False
        self.open += 1
        if network is not None:
            self.by_network[network] += 1
        return True

    def leave(self, network: str | None) -> None:
        """Count one less."""
        self.open -= 1
        if network is not None:
            self.by_network[network] -= 1
            if not self.by_network[network]:
                del self.by_network[network]

    def hold(self, request: Unfinished, size: int) -> None:
        """Count what came of a body. Where all together are too much, the oldest of them has to go."""
        self.bodies[request] = self.bodies.get(request, 0) + size
        self.body_bytes += size
        while self.body_bytes > self.limits.body_bytes:
            oldest = next(iter(self.bodies))
            self.release(oldest)
            oldest.give_way()

    def release(self, request: Unfinished) -> None:
        """Count a body no more: it is whole, or given up."""
        self.body_bytes -= self.bodies.pop(request, 0)


class Guarded(asyncio.Protocol):
    """A connection that is counted, and cut when its buffer is full and gets no emptier for too long.

    A slow client is let be.
    """

    book: Connections
    config: Config
    transport: asyncio.Transport
    client: tuple[str, int] | None
    loop: asyncio.AbstractEventLoop
    _counted: tuple[str | None] | None = None
    _looking: asyncio.TimerHandle | None = None
    _left = 0

    def enter(self) -> bool:
        """Count the connection, unless there are too many."""
        network = self._network()
        if not self.book.enter(network):
            return False
        self._counted = (network,)
        return True

    def leave(self) -> None:
        """Count the connection no more."""
        if self._counted is not None:
            self.book.leave(*self._counted)
            self._counted = None

    def linger(self) -> asyncio.TimerHandle:
        """Say that nothing follows, and let what still arrives be thrown away; return the timer that ends that.

        Closing at once would reset the connection, and take the last words with it if the client has not read them.
        """
        self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        return self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """Begin to look whether the client takes anything: the buffer is full."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """Look no more: the client took most of it."""
        self._stop_looking()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look and count no more: it is over."""
        self._stop_looking()
        self.leave()
        super().connection_lost(exc)

    def _network(self) -> str | None:
        """Return whose connection it is; None for a proxy, which brings those of many and counts for itself."""
        host = self.client[0] if self.client else ""
        app = self.config.loaded_app
        if isinstance(app, ProxyHeadersMiddleware) and host in app.trusted_hosts:
            return None
        return network_of(host)

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


def room_for(connections: int) -> int:
    """Return how many of these connections the operating system lets a process have; ask it for as many as it gives."""
    if sys.platform == "win32":
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - RESERVED_FILES))
