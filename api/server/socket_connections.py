"""WebSocket as uvicorn speaks it, with an end to what costs work and says nothing."""

import asyncio
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from api.server.connections import Connections, Guarded

SLICE_BYTES = 4096
"""So much is read before looking again whether to go on."""

MOST_EMPTY_FRAMES = 100
"""Pings, pongs and fragments of next to nothing, per second."""

LEAST_FRAGMENT_BYTES = 64


class SocketProtocol(Guarded, WebSocketsSansIOProtocol):
    """One connection for WebSocket."""

    def __init__(self, *, book: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.book = book
        self._given_up = False
        self._second = 0
        self._empty_frames = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection over from HTTP, where it was counted so far."""
        super().connection_made(transport)
        self.enter()

    def data_received(self, data: bytes) -> None:
        """Read what came: the handshake's head first, whole, then frames."""
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated:
                self._refuse_handshake()
            return
        for begin in range(0, len(data), SLICE_BYTES):
            if self._given_up:
                return
            super().data_received(data[begin : begin + SLICE_BYTES])
            if self._empty_frames > MOST_EMPTY_FRAMES:
                self._give_up(CloseCode.POLICY_VIOLATION, "Too many frames that say nothing")

    async def send(self, message: Any) -> None:
        """Send what the application says, unless the connection was closed behind its back, as for a broken frame.

        Raises:
            ClientDisconnected: it was. uvicorn would call it a mistake of the application.
        """
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def handle_ping(self) -> None:
        """Answer a ping."""
        self._count_frame()
        super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take a pong."""
        self._count_frame()
        super().handle_pong(event)

    def handle_text(self, event: Frame) -> None:
        """Take a message or its first fragment."""
        self._count_fragment(event)
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Take a message or its first fragment."""
        self._count_fragment(event)
        super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a further fragment."""
        self._count_fragment(event)
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Pass a whole message on, if it is text where it says so."""
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self.frames = []
            self._give_up(CloseCode.INVALID_DATA, "A message is not UTF-8")
        elif not self._given_up:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Say why the connection ends, and linger."""
        self._given_up = True
        closing = self.conn.close_sent
        assert closing is not None  # noqa: S101 - that is what went wrong
        self.queue.put_nowait({"type": "websocket.disconnect", "code": closing.code, "reason": closing.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        # With a timer, uvicorn leaves it to that to close the connection.
        self.close_timer = self.linger()

    def _count_fragment(self, frame: Frame) -> None:
        if not frame.fin and len(frame.data) < LEAST_FRAGMENT_BYTES:
            self._count_frame()

    def _count_frame(self) -> None:
        second = int(self.loop.time())
        if second != self._second:
            self._second, self._empty_frames = second, 0
        self._empty_frames += 1

    def _give_up(self, code: CloseCode, reason: str) -> None:
        """Close the socket for what the client did."""
        if not self._given_up and not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def _refuse_handshake(self) -> None:
        """Answer a head that the library did not take, and which it would leave without an answer."""
        # As uvicorn's own refusal says it: a shutdown would else try to close a socket that was never open, and fail.
        self.handshake_complete = self.close_sent = True
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()


def _is_text(fragments: list[bytes]) -> bool:
    try:
        b"".join(fragments).decode()
    except UnicodeDecodeError:
        return False
    return True
