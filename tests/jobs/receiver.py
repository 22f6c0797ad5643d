"""A receiver of webhooks on loopback, which verifies what it gets and behaves as badly as it is told to."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from tests.jobs.waiting import until

Behaviour = Callable[["Delivery"], Awaitable[bytes | None]]


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """Return an answer with this status."""
    head = [f"HTTP/1.1 {status} -", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


OK = answer(204)


@dataclass(frozen=True)
class Delivery:
    """What came in one request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """By what it is known again."""
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        """What it says."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def seq(self) -> int:
        """Number of the change."""
        seq: int = self.content["data"]["seq"]
        return seq

    def verify(self, secret: str) -> Any:
        """Return what it says as the library of Standard Webhooks reads it, which raises for a wrong signature."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Who is told. `behave` decides about each delivery; None hangs up."""

    port: int = 0
    came: list[Delivery] = field(default_factory=list)
    taken: list[Delivery] = field(default_factory=list)
    behave: Behaviour | None = None
    connections: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def seqs(self) -> list[int]:
        """Numbers of what was taken, in the order in which it came."""
        return [one.seq for one in self.taken]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        self.connections += 1
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                delivery = await _read(reader)
                self.came.append(delivery)
                said = OK if self.behave is None else await self.behave(delivery)
                if said is None:
                    break
                if said.startswith(b"HTTP/1.1 2"):
                    self.taken.append(delivery)
                writer.write(said)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    async def told(self, seq: int) -> list[int]:
        """Wait until it took the change with this number, and return the numbers of all."""

        async def look() -> list[int] | None:
            return self.seqs if seq in self.seqs else None

        return await until(look)

    def hang_up(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Delivery:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Delivery(first.split(" ")[1], headers, body)


@asynccontextmanager
async def receiver(
    port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Listen around a block."""
    one = Receiver()
    server = await asyncio.start_server(one.serve, host, port, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        one.hang_up()
