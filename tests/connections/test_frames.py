"""What a WebSocket may send that is no message: few frames that say nothing, and all of it text."""

import pytest

from tests.connections.wire import HANDSHAKE, Wire, exchange, frame, wire
from tests.live import LiveServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTINUATION, TEXT, PING, PONG, CLOSE = 0x0, 0x1, 0x9, 0xA, 0x8
INIT = b'{"type": "connection_init"}'
ACKNOWLEDGED = b"connection_ack"


async def closing(connection: Wire) -> tuple[int, bytes]:
    """Return code and reason of the server's close frame, after whatever else it sent."""
    received = b""
    while not received.endswith(bytes([0x80 | CLOSE])):
        received = received[-1:] + await connection.reader.readexactly(1)
    [size] = await connection.reader.readexactly(1)
    payload = await connection.reader.readexactly(size)
    return int.from_bytes(payload[:2], "big"), payload[2:]


FLOODS = {
    "pings": (frame(PING) * 20_000, 1008, b"Too many frames that say nothing"),
    "pongs": (frame(PONG) * 20_000, 1008, b"Too many frames that say nothing"),
    "fragments of nothing": (
        frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 20_000,
        1008,
        b"Too many frames that say nothing",
    ),
    "fragments without end": (
        frame(TEXT, b" " * 4000, fin=False) + frame(CONTINUATION, b" " * 4000, fin=False) * 2,
        1009,
        b"frame with 4000 bytes after reading 8000 bytes exceeds limit of 8000 bytes",
    ),
    "a message too large": (frame(TEXT, b" " * 8001), 1009, b"frame with 8001 bytes exceeds limit of 8000 bytes"),
    "text that is none": (frame(TEXT, b"\xff\xfe"), 1007, b"A message is not UTF-8"),
    "text that is none, in fragments": (
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"\xff"),
        1007,
        b"A message is not UTF-8",
    ),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_socket_that_is_flooded_is_closed_with_a_reason(server: LiveServer, flood: str) -> None:
    sent, code, reason = FLOODS[flood]
    async with wire(server.url) as connection:
        await connection.send(HANDSHAKE + b"\r\n")
        await connection.until(b"\r\n\r\n")
        await connection.send(frame(TEXT, INIT))
        await connection.until(ACKNOWLEDGED)

        await connection.send(sent)

        assert await closing(connection) == (code, reason)


async def test_a_message_in_pieces_between_pings_is_one_message(server: LiveServer) -> None:
    async with wire(server.url) as connection:
        await connection.send(HANDSHAKE + b"\r\n")
        await connection.until(b"\r\n\r\n")
        pieces = [frame(TEXT, INIT[:10], fin=False), frame(PING, b"1"), frame(CONTINUATION, INIT[10:15], fin=False)]
        await connection.send(b"".join([*pieces, frame(PING, b"2"), frame(CONTINUATION, INIT[15:])]))

        await connection.until(ACKNOWLEDGED)


async def test_a_handshake_that_the_library_does_not_take_is_answered(server: LiveServer) -> None:
    large = HANDSHAKE + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n"

    assert (await exchange(server.url, large)).startswith(b"HTTP/1.1 400 ")
