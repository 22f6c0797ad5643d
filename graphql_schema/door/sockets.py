"""What a socket may do: the protocol to the letter, so many open for a user, so many operations on one."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    ErrorMessage,
    SubscribeMessage,
)

from api.core.errors import AppError, ErrorCode
from api.core.tally import Tally
from api.core.turns import Turns
from db.errors import DatabaseUnavailableError
from graphql_schema.door.context import Context
from graphql_schema.door.errors import extensions
from graphql_schema.door.idempotency import begin_operation
from graphql_schema.door.socket_messages import read_message

TOO_BIG = 1009
"""The close code for a message that is too large (RFC 6455, section 7.4.1)."""

TRY_AGAIN_LATER = 1013
"""The close code for a passing trouble of the server (IANA WebSocket Close Code Number Registry)."""

FORBIDDEN = 4403
"""The close code of the protocol for who may not be here (graphql-transport-ws)."""

TOO_MANY = 4429
"""The close code of the protocol for too much of something (graphql-transport-ws)."""


MOST_REASON_BYTES = 123
"""The longest reason that a close frame can carry (RFC 6455, section 5.5)."""


LONG_MESSAGE = 4096
"""Characters that take so long to read as JSON, some milliseconds, that others have their turn first."""


class SocketAdapter(ASGIWebSocketAdapter):
    """The socket as the handler sees it: closed once, and silent ever after."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:  # noqa: ARG002 - as the base class declares it
        """Yield the frames as they come, None for a binary one: the handler reads them."""
        with suppress(WebSocketDisconnect):
            while self.ws.application_state is WebSocketState.CONNECTED:
                frame = await self.ws.receive()
                if frame["type"] == "websocket.disconnect":
                    return
                yield frame.get("text")

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message.

        Raises:
            WebSocketDisconnected: it is closed, by whichever side.
        """
        if self.ws.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnected
        await super().send_json(message)

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, unless that was done already; the reason is cut where a frame would not hold it."""
        if self.ws.application_state is WebSocketState.CONNECTED:
            brief = reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore")
            with suppress(WebSocketDisconnect):
                await super().close(code, brief)


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """Strawberry's handler of graphql-transport-ws, with our limits."""

    _counted: tuple[UUID | None] | None = None
    _idling: asyncio.Task[None] | None = None

    async def handle(self) -> None:
        """Serve the socket until it closes."""
        try:
            await super().handle()
        finally:
            if self._idling is not None:
                self._idling.cancel()
            if self._counted is not None:
                self._sockets.leave(*self._counted)

    async def handle_message(self, message: Any) -> None:
        """Look at a frame before anything else does, and close the socket if it is no message."""
        if isinstance(message, str) and len(message) > LONG_MESSAGE:
            if self.context.actor.user_id is None and len(message) > self.context.anonymous_body_limit:
                await self.websocket.close(code=TOO_BIG, reason="Sign in to send so much at once")
                return
            await self.context.turn()
        try:
            known: Any = read_message(message)
        except ValueError as error:
            await self.handle_invalid_message(str(error))
        else:
            await super().handle_message(known)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Find out who opened the socket before it is acknowledged."""
        message["payload"] = message.get("payload") or {}
        if not self.connection_init_received:
            self.context.connection_params = message["payload"]
            try:
                await self.context.identify()
            except DatabaseUnavailableError:
                await self.websocket.close(code=TRY_AGAIN_LATER, reason="The database does not answer")
                return
            user_id = self.context.actor.user_id
            if not self._sockets.enter(user_id):
                self.connection_init_received = True
                whose = "of this user" if user_id else "without sign-in"
                await self.websocket.close(code=TOO_MANY, reason=f"Too many sockets {whose}")
                return
            self._counted = (user_id,)
            if user_id is None:
                self._idling = asyncio.create_task(self._close_when_idle())
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Run an operation. Subscriptions too many are refused; queries and mutations wait for their turn."""
        most: int = self.view.most_subscriptions  # type: ignore[attr-defined]  # our router's
        lasting, passing = self._running()
        if not self.connection_acknowledged or message["id"] in self.operations:
            # The protocol closes the socket, which is said there.
            pass
        elif _may_subscribe(message["payload"]["query"]):
            if len(lasting) >= most:
                why = f"Too many subscriptions on this socket, at most {most} allowed."
                await self._refuse(message["id"], AppError(ErrorCode.RATE_LIMITED, why, maximum=most))
                return
        elif len(passing) >= most:
            # These end by themselves; until one does, nothing more is read from this client.
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        try:
            begin_operation(message["payload"].get("extensions"))
        except AppError as error:
            await self._refuse(message["id"], error)
            return
        # To read and judge a document is work, even for an operation that the client ends at once: one of a user at
        # a time is begun, and until then nothing more is read from this client.
        beginnings: Turns = self.view.beginnings  # type: ignore[attr-defined]  # our router's
        async with beginnings.turn(self.context.actor.user_id):
            await super().handle_subscribe(message)

    async def _refuse(self, operation_id: str, error: AppError) -> None:
        """Refuse one operation as the protocol does, and let the others go on."""
        record = self.context.record
        record.note_error(error.code)
        refusal = GraphQLError(error.message, extensions=extensions(error, record.request_id)).formatted
        await self.send_message(ErrorMessage(id=operation_id, type="error", payload=[refusal]))

    def _running(self) -> tuple[list["asyncio.Task[Any]"], list["asyncio.Task[Any]"]]:
        """Return the tasks of what may be subscriptions, and those of all other operations."""
        kinds: tuple[list[asyncio.Task[Any]], list[asyncio.Task[Any]]] = ([], [])
        for operation in self.operations.values():
            if operation.task is not None:
                kinds[0 if _may_subscribe(operation.query) else 1].append(operation.task)
        return kinds

    async def _close_when_idle(self) -> None:
        """Close the socket of somebody who did not sign in as soon as it serves for nothing."""
        with suppress(WebSocketDisconnected):
            while True:
                await asyncio.sleep(self.connection_init_wait_timeout.total_seconds())
                if not self.operations:
                    await self.websocket.close(code=FORBIDDEN, reason="Sign in to keep a socket open")
                    return

    async def handle_task_exception(self, error: Exception) -> None:
        """Log what went wrong with an operation; that a client hung up in the middle is no news."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @property
    def _sockets(self) -> Tally:
        sockets: Tally = self.view.sockets  # type: ignore[attr-defined]  # our router's
        return sockets


def _may_subscribe(query: object) -> bool:
    """Return whether a document may hold a subscription: none does without the word."""
    return isinstance(query, str) and "subscription" in query
