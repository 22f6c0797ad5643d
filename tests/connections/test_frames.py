"""What a WebSocket may send that is no message: few frames that say nothing, and all of it text."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio

from api.server.socket_connections import SocketProtocol
from tests.connections.unplugged import plug
from tests.connections.wire import HANDSHAKE, Wire, exchange, frame, wire
from tests.live import LiveServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
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


class Socket:
    """A socket that is open, to nothing but a list of what the application would be told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.connection, self.transport = plug(SocketProtocol, self.serve)
        self.now = 0.0

    async def serve(self, _scope: Any, receive: Any, send: Any) -> None:
        """Accept, and listen to the end."""
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        while not self.told or self.told[-1]["type"] == "websocket.receive":
            self.told.append(await receive())

    async def hear(self, *frames: bytes) -> None:
        """Receive frames at one moment."""
        self.connection.data_received(b"".join(frames))
        await until(self.connection.queue.empty)

    @property
    def closed(self) -> bytes:
        """What the close frame says, if there is one."""
        return self.transport.written.rpartition(b"\x88")[2][3:] if self.transport.ends else b""


async def until(reached: Callable[[], bool]) -> None:
    """Let the others go on until something is reached."""
    async with asyncio.timeout(5):
        while not reached():  # noqa: ASYNC110 - the protocol tells nobody
            await asyncio.sleep(0)


@pytest_asyncio.fixture(loop_scope="session")
async def socket() -> AsyncIterator[Socket]:
    """An open socket whose clock is the test's."""
    socket = Socket()
    socket.connection.data_received(HANDSHAKE + b"\r\n")
    await until(lambda: socket.connection.handshake_complete)
    clock = SimpleNamespace(time=lambda: socket.now, call_later=asyncio.get_running_loop().call_later)
    socket.connection.loop = cast("asyncio.AbstractEventLoop", clock)
    yield socket
    socket.connection.connection_lost(None)
    await until(lambda: not socket.connection.tasks)


NOTHING = {
    "pings": frame(PING),
    "pongs": frame(PONG),
    "text in two pieces": frame(TEXT, b"", fin=False) + frame(CONTINUATION, b""),
    "bytes in two pieces": frame(BINARY, b"", fin=False) + frame(CONTINUATION, b""),
}


@pytest.mark.parametrize("kind", NOTHING)
async def test_a_hundred_frames_a_second_may_say_nothing(socket: Socket, kind: str) -> None:
    for socket.now in (1.0, 2.0, 2.9):
        for _ in range(100 if socket.now < 2.5 else 1):
            assert socket.closed == b""
            await socket.hear(NOTHING[kind])

    assert socket.closed.endswith(b"Too many frames that say nothing")
    assert socket.told[-1]["code"] == 1008


@pytest.mark.parametrize("frames", [frame(TEXT, b"{}"), frame(TEXT, b" " * 64, fin=False) + frame(CONTINUATION)])
async def test_messages_and_large_pieces_say_something(socket: Socket, frames: bytes) -> None:
    for _ in range(200):
        await socket.hear(frames)

    assert (socket.closed, len(socket.told)) == (b"", 200)


async def test_bytes_may_be_any(socket: Socket) -> None:
    await socket.hear(frame(BINARY, b"\xff"))

    assert socket.told == [{"type": "websocket.receive", "bytes": b"\xff"}]


async def test_what_follows_a_mistake_is_told_to_nobody(socket: Socket) -> None:
    await socket.hear(frame(TEXT, b"\xff") * 2, frame(TEXT, b"{}"), frame(PING) * 200)

    assert socket.told == [{"type": "websocket.disconnect", "code": 1007, "reason": "A message is not UTF-8"}]


async def test_a_handshake_that_was_refused_is_not_answered_again_at_the_shutdown() -> None:
    connection, transport = plug(SocketProtocol, None)
    connection.data_received(b"GET /graphql HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n")
    connection.shutdown()

    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert transport.written.count(b"HTTP/1.1") == 1
    assert transport.written.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("flood", [name for name, (_, code, _) in FLOODS.items() if code != 1008])
async def test_who_goes_on_sending_can_read_why_the_socket_was_closed(server: LiveServer, flood: str) -> None:
    # Closing on top of what was not read would reset the connection, and lose the reason.
    sent, code, reason = FLOODS[flood]
    async with wire(server.url) as connection:
        await connection.send(HANDSHAKE + b"\r\n")
        await connection.until(b"\r\n\r\n")
        await connection.send(sent)
        for _ in range(100):
            await connection.send(frame(TEXT, b" " * 4000) * 10)
        assert await closing(connection) == (code, reason)
