"""HTTP as uvicorn speaks it, with an end to everything that a client may leave open.

A head and a body have their time and their size; what is neither (blank lines, chunk extensions, trailers) has
no room of its own. An honest client that is slow is let be: a body's time grows with what arrives.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Literal

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.core.connection_limits import ConnectionLimits
from api.core.hang_ups import hang_up
from api.core.streamed_bodies import is_streamed
from api.server.connections import Connections, Guarded, room_for
from api.server.security_headers import FIXED
from api.server.socket_connections import SocketProtocol

logger = structlog.get_logger("twofold.connections")

LEAST_BYTES_PER_SECOND = 500
"""So fast a body must arrive in the long run."""

FREE_CHUNKS, LEAST_CHUNK_BYTES = 4096, 16
"""Chunks beyond so many must hold so much on average: each costs the same, however small it is."""

MOST_PIPELINED = 16
"""Requests that may wait behind the one being answered."""

MOST_THROWN_AWAY = 4 * 1024 * 1024
"""As much of a body that was refused is read to its end, so that the client can use the connection again."""

SENTENCES = {
    400: "This is no valid HTTP request.",
    408: "The request took too long to arrive.",
    414: "The address is too long.",
    431: "The head of the request is too large.",
    501: "This server is no proxy.",
    503: "Too many connections. Try again in a moment.",
}

Phase = Literal["idle", "head", "body"]


class RefusedError(Exception):
    """What is arriving is refused with an HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(SENTENCES[status])
        self.status = status


@dataclass(frozen=True)
class LingeringTransport:
    """A connection as the work for one request sees it: it is closed in the protocol's own way."""

    transport: asyncio.Transport
    close: Callable[[], None]

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    def is_closing(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self.transport.is_closing()


class RequestProtocol(Guarded, HttpToolsProtocol):
    """One connection for HTTP."""

    def __init__(self, *, book: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.book = book
        self._phase: Phase = "idle"
        self._clock: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._head = self._body = self._chunks = 0
        # Bytes since anything was gained by them.
        self._fruitless = 0
        self._refused = False
        self._no_upgrade = False
        self._answering: RequestResponseCycle | None = None
        self._hang_up = asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first head."""
        super().connection_made(transport)
        if not self.enter():
            self._write(503)
            transport.close()
            self._refused = True
            return
        self._begin("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever works for this client; uvicorn tells the last request of a pipeline only."""
        self._stop_clock()
        self.book.release(self)
        self._hang_up.set()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        if self._phase == "idle":
            self._begin("head")
        self._fruitless += len(data)
        try:
            self._feed(data)
        except RefusedError as refusal:
            self._refuse(refusal.status)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, RefusedError) else 400)
        else:
            if self._fruitless > self.book.limits.head_bytes:
                self._refuse(431)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self.parser.get_method() == b"CONNECT":
                raise RefusedError(501) from None
            else:
                self._feed_without_upgrade(data[pause.args[0] :])

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Read the request again as if it had not asked for another protocol (RFC 9110, section 7.8).

        The parser takes an `Upgrade` for the end of HTTP, and would drop the body.
        """
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._no_upgrade = False
        self._feed(b"\r\n".join([*lines, b"", b""]))
        if rest:
            self._feed(rest)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; there it is counted again."""
        self._stop_clock()
        self.leave()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Begin with a head."""
        super().on_message_begin()
        self._head = self._body = self._chunks = 0
        if self._phase != "head":
            self._begin("head")

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        super().on_url(url)
        if len(self.url) > self.book.limits.head_bytes:
            raise RefusedError(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. A trailer is dropped (RFC 9110, section 6.5.1): the request is being answered by now."""
        self._head += len(name) + len(value)
        if self._head + len(self.url) > self.book.limits.head_bytes:
            raise RefusedError(431)
        if self._phase != "body":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, and to wait for the body."""
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._no_upgrade = True
            return
        if len(self.pipeline) >= MOST_PIPELINED:
            raise RefusedError(503)
        super().on_headers_complete()
        self._begin("body")

    def on_body(self, body: bytes) -> None:
        """Take a part of the body. Of what nobody reads any more some is thrown away, the rest gains nothing."""
        super().on_body(body)
        self._chunks += 1
        self._body += len(body)
        if self._chunks > FREE_CHUNKS + self._body // LEAST_CHUNK_BYTES:
            raise RefusedError(400)
        if self.cycle.response_complete:
            self.book.release(self)
            if self._body <= MOST_THROWN_AWAY:
                self._fruitless = 0
            return
        self._fruitless = 0
        if is_streamed(self.cycle.scope):
            self.book.release(self)
            return
        self.book.hold(self, len(body))
        if self._refused:
            # It was the oldest one itself.
            raise RefusedError(503)

    def on_response_complete(self) -> None:
        """Go on with the next request, unless nothing follows any more."""
        if self._refused:
            self.server_state.total_requests += 1
        else:
            super().on_response_complete()

    def on_message_complete(self) -> None:
        """Be done with a request, and wait for the next one."""
        if self._no_upgrade:
            return
        super().on_message_complete()
        self.book.release(self)
        self._stop_clock()
        self._phase = "idle"
        self._fruitless = 0

    def give_way(self) -> None:
        """End this request, the oldest whose body is not whole: others need the memory."""
        self._refuse(503)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Refuse, in our own way."""
        raise RefusedError(400)

    def _should_upgrade(self) -> bool:
        """Return whether a WebSocket is asked for (RFC 6455, section 4.1), and not another protocol."""
        asked = {"connection": b"", "upgrade": b""}
        for name, value in self.headers:
            if name in (b"connection", b"upgrade"):
                asked[name.decode()] += b"," + value.lower()
        tokens = {name: {token.strip() for token in value.split(b",")} for name, value in asked.items()}
        is_wanted = b"upgrade" in tokens["connection"] and b"websocket" in tokens["upgrade"]
        return is_wanted and self.parser.get_method() == b"GET" and self._should_upgrade_to_ws()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        last_words = LingeringTransport(self.transport, self._close_after_answer)
        cycle.transport = last_words  # type: ignore[assignment]  # all that a cycle uses of it
        with hang_up(self._hang_up):
            super()._start_asgi_task(cycle, app)

    def _begin(self, phase: Phase) -> None:
        self._phase = phase
        self._began = self.loop.time()
        self._stop_clock()
        limits = self.book.limits
        seconds = limits.head_seconds if phase == "head" else limits.body_seconds
        self._clock = self.loop.call_later(seconds, self._look_at_clock)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _look_at_clock(self) -> None:
        due = self._began + self.book.limits.body_seconds + self._body / LEAST_BYTES_PER_SECOND
        if self.flow.read_paused or (self._phase == "head" and self._is_answering()):
            # It is we who do not read, or nobody has to hurry yet.
            self._begin(self._phase)
        elif self._phase == "body" and due > self.loop.time():
            self._clock = self.loop.call_at(due, self._look_at_clock)
        elif self._phase == "head" and not self._fruitless:
            # It said nothing; there is nothing to answer.
            self.transport.close()
        else:
            self._refuse(408)

    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _refuse(self, status: int) -> None:
        """Answer with the status where that can still be told from another answer, and read no more."""
        if self._refused:
            return
        self._refused = True
        self._stop_clock()
        self.book.release(self)
        self.pipeline.clear()
        logger.info("connection refused", client=self.client and self.client[0], status=status)
        answering = self._answering if self._is_answering() else None
        if answering is not None and (self._phase != "body" or answering is not self.cycle):
            # The fault is in a later request: this one is answered, and nothing follows.
            answering.keep_alive = False
            return
        if answering is not None and answering.response_started:
            self.transport.abort()
            return
        if answering is not None:
            answering.disconnected = True
            answering.message_event.set()
            self._hang_up.set()
        if answering is not None or self._phase != "body":
            self._write(status)
        self._clock = self.linger()

    def _close_after_answer(self) -> None:
        """Close the connection after its last answer, and linger if the client is still sending."""
        if self._refused or self._phase == "body":
            self._refused = True
            self._stop_clock()
            self.book.release(self)
            self._clock = self.linger()
        else:
            self.transport.close()

    def _write(self, status: int) -> None:
        sentence = SENTENCES[status]
        lines = [
            STATUS_LINE[status].decode().rstrip(),
            "content-type: text/plain; charset=utf-8",
            f"content-length: {len(sentence)}",
            "connection: close",
            *(f"{name.decode()}: {value.decode()}" for name, value in FIXED),
        ]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            lines.append("retry-after: 2")
        self.transport.write("\r\n".join([*lines, "", sentence]).encode())


def protocols(limits: ConnectionLimits) -> dict[str, Any]:
    """Return the protocols for uvicorn's configuration, with one book for both; a worker process gets its own copy."""
    book = Connections(replace(limits, connections=room_for(limits.connections)))
    return {"http": partial(RequestProtocol, book=book), "ws": partial(SocketProtocol, book=book)}
