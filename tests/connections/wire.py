"""Bytes to and from a server, without a client library that would mend them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWERS_WITHIN_SECONDS = 12


@dataclass
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes, as far as the server takes them."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def rest(self) -> bytes:
        """Return everything until the server closes the connection."""
        return await asyncio.wait_for(self.reader.read(), ANSWERS_WITHIN_SECONDS)

    async def until(self, end: bytes) -> bytes:
        """Return everything up to the end of something."""
        return await asyncio.wait_for(self.reader.readuntil(end), ANSWERS_WITHIN_SECONDS)


@asynccontextmanager
async def wire(url: str, address: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """Connect to a server, from an address of this machine."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    reader, writer = await asyncio.open_connection(host, port, local_addr=(address, 0))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


async def exchange(url: str, *parts: bytes) -> bytes:
    """Send the parts, and return what the server says until it closes the connection."""
    async with wire(url) as connection:
        for part in parts:
            await connection.send(part)
        return await connection.rest()


def post(path: str, body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    """Return a request with a JSON body, of which more may be announced than there is."""
    lines = [
        b"POST %b HTTP/1.1" % path.encode(),
        b"Host: twofold.test",
        b"Content-Type: application/json",
        b"Content-Length: %d" % (len(body) if length is None else length),
        *headers,
    ]
    return b"\r\n".join([*lines, b"", body])


HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: twofold.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a frame of a client (RFC 6455, section 5.2), masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload
