"""What a socket may do: how many a user has open, and how many operations run on one."""

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

TOO_MANY = 4429
"""The close code of the protocol for too much of something (graphql-transport-ws)."""


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """Strawberry's handler of graphql-transport-ws, with our limits."""

    _counted: tuple[UUID | None] | None = None

    async def handle(self) -> None:
        """Serve the socket until it closes."""
        try:
            await super().handle()
        finally:
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
                await self.websocket.close(code=TOO_MANY, reason="Too many sockets of this user")
                return
            self._counted = (user_id,)
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Run an operation, unless too many run already."""
        most = self.max_subscriptions_per_connection
        if self.connection_acknowledged and most is not None and len(self.operations) >= most:
            await self.websocket.close(code=TOO_MANY, reason=f"Too many operations on this socket, at most {most}")
            return
        await super().handle_subscribe(message)

    async def handle_task_exception(self, error: Exception) -> None:
        """Log what went wrong with an operation; that a client hung up in the middle is no news."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @property
    def _sockets(self) -> Tally:
        sockets: Tally = self.view.sockets  # type: ignore[attr-defined]  # our router's
        return sockets
