"""What a socket may do: how many a user has open, and how many operations run on one."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, SubscribeMessage

from api.core.tally import Tally
from db.errors import DatabaseUnavailableError
from graphql_schema.context import Context

TRY_AGAIN_LATER = 1013
"""The close code for a passing trouble of the server (IANA WebSocket Close Code Number Registry)."""

FORBIDDEN = 4403
"""The close code of the protocol for who may not be here (graphql-transport-ws)."""

TOO_MANY = 4429
"""The close code of the protocol for too much of something (graphql-transport-ws)."""


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

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Find out who opened the socket before it is acknowledged."""
        payload: Any = message.get("payload", {})
        if isinstance(payload, dict) and not self.connection_init_received:
            self.context.connection_params = payload
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
        """Run an operation. Subscriptions too many close the socket; queries and mutations wait for their turn."""
        most: int = self.view.most_subscriptions  # type: ignore[attr-defined]  # our router's
        lasting, passing = self._running()
        if self.connection_acknowledged and _may_subscribe(message["payload"]["query"]):
            if len(lasting) >= most:
                reason = f"Too many subscriptions on this socket, at most {most}: all of them end"
                await self.websocket.close(code=TOO_MANY, reason=reason)
                return
        elif len(passing) >= most:
            # These end by themselves; until one does, nothing more is read from this client.
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        await super().handle_subscribe(message)

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
