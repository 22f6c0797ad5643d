"""What an operation works with. No session lives here: each root field and each batch opens its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, TypeVar
from uuid import UUID

from starlette.requests import HTTPConnection
from strawberry.fastapi import BaseContext
from strawberry.types import Info as StrawberryInfo

from api.config import Settings
from api.core.actor import ANONYMOUS, Actor, UserActor, require_person, require_user
from api.core.budget import Balance
from api.core.errors import AppError, ErrorCode, forbidden
from api.core.files.rules import FileRules
from api.core.identity import Identity
from api.core.oidc.provider import Provider
from api.core.pace import Pace
from api.core.webhook_rules import WebhookRules
from api.dependencies import (
    caller_of,
    charge,
    charge_event,
    get_database,
    get_file_rules,
    get_hub,
    get_identity,
    get_oidc_provider,
    get_webhook_rules,
    header_of,
    identify,
    refuse_used_up,
)
from api.schemas.changes import ChangeQuery
from api.server.request_log import RequestRecord, record_of
from api.services.live.streams import Stream, open_stream
from db.engine import Database
from db.errors import DatabaseError
from db.unit_of_work import ReadUnit, UnitOfWork
from graphql_schema.door.idempotency import key_of_change
from graphql_schema.door.shared_results import SharedResults
from graphql_schema.execution.batches import Batches

T = TypeVar("T")

BatchFunction = Callable[..., Awaitable[Sequence[T]]]
"""`(uow, actor, parents, **arguments) -> children`, one child (or page of children) per parent, in order."""


class Context(BaseContext):
    """The context of a request, or of all operations on one socket."""

    def __init__(self, connection: HTTPConnection) -> None:
        super().__init__()
        self._connection = connection
        self._turning = 0
        self._paced_for: UUID | None = None
        self._batches = Batches(lambda: self._turning > 0)
        self._streams: set[Stream] = set()
        self._opener: Actor | None = None
        self._reading: AbstractAsyncContextManager[Any] = nullcontext()
        self._trouble: DatabaseError | None = None
        self.actor: Actor = ANONYMOUS

    @property
    def identity(self) -> Identity:
        """The installation's way with passwords and tokens."""
        return get_identity(self._connection)

    @property
    def oidc_provider(self) -> Provider | None:
        """The provider to sign in with, if there is one."""
        return get_oidc_provider(self._connection)

    @property
    def webhook_rules(self) -> WebhookRules:
        """The installation's way with webhooks."""
        return get_webhook_rules(self._connection)

    @property
    def file_rules(self) -> FileRules:
        """The installation's way with files."""
        return get_file_rules(self._connection)

    @property
    def database(self) -> Database:
        """The database, for what is not done in one of its units of work."""
        return get_database(self._connection)

    @property
    def record(self) -> RequestRecord:
        """The line that the log will hold about this request."""
        return record_of(self._connection)

    @property
    def credentials(self) -> str | None:
        """The `Authorization` header, or what a socket sent under that name in its connection parameters."""
        params = self.connection_params
        if isinstance(params, dict):
            given = params.get("Authorization", params.get("authorization"))
            if isinstance(given, str):
                return given
        return header_of(self._connection, "authorization")

    async def identify(self) -> None:
        """Find out who calls: once for a request, and anew for each operation on a socket, which outlives rights."""
        if self._trouble is not None:
            raise self._trouble
        if self._opener is not None and self._connection.scope["type"] == "http":
            return
        credentials = self.credentials
        actor = await identify(self._connection, credentials)
        if self.credentials == credentials:
            # Else they were renewed meanwhile, and `renew` knows better.
            self.actor = actor
        self._opener = self._opener or actor

    async def identify_early(self) -> None:
        """Find out who sends a request before its body is read; what went wrong is told to its operation."""
        try:
            await self.identify()
        except DatabaseError as error:
            self._trouble = error

    async def charge(self, cost: int) -> Balance | None:
        """Spend some of the caller's budget; see `api.dependencies.charge`."""
        return await charge(self._connection, self.actor, cost)

    async def charge_reading(self) -> None:
        """Spend the price of a document that was read and judged in vain; whatever is left has to do for it."""
        with suppress(AppError):
            await self.charge(1)

    def refuse_used_up(self) -> None:
        """Refuse who has nothing left; see `api.dependencies.refuse_used_up`."""
        refuse_used_up(self._connection, self.actor)

    def charge_event(self, stream: Stream) -> None:
        """Count an event; see `api.dependencies.charge_event`."""
        charge_event(self._connection, stream)

    @property
    def answer_max_bytes(self) -> int:
        """The budget of an answer."""
        settings: Settings = self._connection.app.state.settings
        return settings.answer_max_bytes

    @property
    def anonymous_body_limit(self) -> int:
        """How much somebody who is not signed in may send at once, in bytes."""
        settings: Settings = self._connection.app.state.settings
        return settings.anonymous_body_limit_bytes

    @property
    def shared(self) -> SharedResults:
        """Results of events that are the same for all subscribers of this process."""
        shared: SharedResults = self._connection.app.state.shared_results
        return shared

    def for_event(self, actor: Actor, whose: UUID) -> "Context":
        """Return a context for one event, with these eyes, in turn with what else this user does.

        It reads one batch at a time, on one connection.
        """
        other = Context(self._connection)
        other.actor = actor
        other._paced_for = whose
        other._reading = asyncio.Lock()
        return other

    @asynccontextmanager
    async def stream(self, workspace_id: UUID | None, after: int | None, *, cost: int) -> AsyncIterator[Stream]:
        """Open a stream of events that cost so much, which `renew` reaches as long as it is open: see `open_stream`.

        Raises:
            AppError: VALIDATION_ERROR for a number that cannot be one; and see `open_stream`.
        """
        seq = None if after is None else ChangeQuery.read({"after": after}).after
        actor = self.actor
        async with open_stream(get_hub(self._connection), actor, workspace_id, seq, cost=cost) as stream:
            stream.is_response = self._connection.scope["type"] == "http"
            self._streams.add(stream)
            if self.actor is not actor and self.actor.user_id == stream.user_id:
                # Renewed while it was being opened.
                stream.renew(require_user(self.actor))
            try:
                yield stream
            finally:
                self._streams.discard(stream)

    async def renew(self, token: str) -> UserActor:
        """Let the streams of this socket go on with a fresh token of the user who opened it.

        Raises:
            AppError: BAD_REQUEST if it came over no socket; UNAUTHENTICATED for a token that does not count;
                FORBIDDEN for another user's, and for an API key.
        """
        if self._connection.scope["type"] != "websocket":
            raise AppError(ErrorCode.BAD_REQUEST, "There is no socket here: send this over the one to be renewed.")
        credentials = f"Bearer {token}"
        # What a stream watches was looked at with the eyes that opened it; those of a key may see less.
        actor = require_person(await identify(self._connection, credentials))
        # Not by `actor`: that is nobody once the old token has expired. Who opened it was counted.
        if self._opener is None or self._opener.user_id != actor.id:
            raise forbidden("Streams can be renewed only by the user who opened the connection.")
        self.connection_params = {"Authorization": credentials}
        self.actor = actor
        for stream in self._streams:
            stream.renew(actor)
        return actor

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadUnit]:
        """Open a read transaction, in turn: what it does first, many fields may do at once."""
        await self.turn()
        async with get_database(self._connection).read(caller_of(self._connection, self.actor)) as uow:
            yield uow

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """Open a write transaction. Mutations follow each other anyway."""
        async with get_database(self._connection).write(caller_of(self._connection, self.actor)) as uow:
            uow.idempotency_key = key_of_change()
            yield uow

    async def turn(self) -> None:
        """Return when there is time for another part of this operation."""
        pace: Pace = self._connection.app.state.pace
        self._turning += 1
        try:
            await pace.turn(self._paced_for or caller_of(self._connection, self.actor))
        finally:
            self._turning -= 1

    async def batched(self, batch: BatchFunction[T], parent: UUID, **arguments: Any) -> T:
        """Return one parent's part of a batch.

        All parents of one level of the query are answered by a single call of the batch function, in a
        read transaction of its own.
        """

        async def load(parents: list[UUID]) -> Sequence[T]:
            async with self._reading, self.read() as uow:
                return await batch(uow, self.actor, parents, **arguments)

        answer: T = await self._batches.ask((batch, repr(sorted(arguments.items()))), load, parent)
        return answer


Info = StrawberryInfo[Context, None]
"""What resolvers get."""


async def get_context(connection: HTTPConnection) -> Context:
    """Return a new context. It never raises: whoever calls is found out, and refused, later."""
    return Context(connection)
