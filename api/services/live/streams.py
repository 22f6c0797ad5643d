"""A stream: one subscriber's walk through a log, from a number to whatever comes."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from api.core.actor import Actor, UserActor, require_user
from api.core.errors import AppError, forbidden
from api.services.changes import check_cursor, head_of, log_of
from api.services.live.rights import LOST, expiry, judge
from db.logs import Log, LogKind
from db.models import Change, ChangeKind, EntityKind
from db.repositories import changes, members, users, workspaces
from db.repositories.changes import AnyChange

if TYPE_CHECKING:
    from api.services.live.channel import Channel
    from api.services.live.hub import Hub

T = TypeVar("T")

NEAR = 3
"""Who has no more than so many changes to tell does not wait for its turn: it is live."""

CHANGES_AT_ONCE = 10
"""Each time so many changes of a page were judged by a filter and told, others have their turn of the event loop."""


class Stream:
    """Where one subscriber stands. Changes come in order, without gap or repetition."""

    def __init__(self, hub: "Hub", actor: UserActor, log: Log, cost: int) -> None:
        self.actor = actor
        self.log = log
        self.cost = cost
        self.seq = 0
        # Where the log ended when the stream was opened: what comes up to it is a replay.
        self.opened_at = 0
        self.opened_when = time.monotonic()
        self.begins_now = False
        # Whether it is the body of an HTTP response, and not one of several on a socket.
        self.is_response = False
        self._hub = hub
        self._woken = asyncio.Event()
        self._held: asyncio.Future[Any] | None = None
        self._error: AppError | None = None
        self._channel: Channel | None = None

    @property
    def user_id(self) -> UUID:
        """Whose stream it is."""
        return self.actor.id

    @property
    def caller(self) -> tuple[UUID, UUID | None]:
        """Whose stream it is, and by which session or API key."""
        return self.actor.id, self.actor.proof_id

    @property
    def membership(self) -> tuple[UUID, UUID] | None:
        """The workspace, and the user who has to be its member; None for a log of one's own."""
        return (self.log.id, self.user_id) if self.log.kind is LogKind.WORKSPACE else None

    def attach(self, channel: "Channel") -> None:
        """Read from this channel."""
        self._channel = channel

    def wake(self) -> None:
        """Look again: there is something new, or an end."""
        self._woken.set()

    def end(self, error: AppError) -> None:
        """End the stream with this error, now."""
        self._error = error
        self.wake()
        # Until it is open, the answer is what its opening finds.
        if self._channel is not None and self._held is not None and not self._held.done():
            self._held.set_exception(error)

    def renew(self, actor: UserActor) -> None:
        """Go on with another token of the same user, and belong to the session of that one from now on."""
        self.actor = actor
        self.wake()

    async def changes(self) -> AsyncGenerator[AnyChange, None]:
        """Yield what follows, as soon as it is there. No connection is held while it waits.

        However long the client takes for one change, the next is told only to who may still hear it.

        Raises:
            AppError: the catalogue's reason why the stream ends.
        """
        while True:
            self._woken.clear()
            self.check()
            page = await self._read()
            for number, change in enumerate(page, 1):
                if number % CHANGES_AT_ONCE == 0:
                    await self._hub.pace.turn(self.user_id)
                self.check()
                self.seq = change.seq
                yield change
            if not page:
                await self._wait()

    def check(self) -> None:
        """Make sure that the subscriber may still hear what comes next.

        Raises:
            AppError: the reason why not.
        """
        error = self._error or expiry(self.actor)
        if error is not None:
            raise error

    async def hold(self, future: asyncio.Future[T]) -> T:
        """Wait for something on behalf of the stream, but not beyond the end of its right.

        Raises:
            AppError: the reason of that end.
        """
        self._held = future
        try:
            return await future
        finally:
            self._held = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Do a piece of work when it is this user's turn, and after whatever else the process has to do.

        Whoever waits holds nothing, and a user with much to replay does not keep others waiting.
        """
        place = self._hub.turns.ask(self.user_id)
        try:
            await self.hold(place.begun)
            await asyncio.sleep(0)
            yield
        finally:
            self._hub.turns.leave(place)

    async def _wait(self) -> None:
        expires = self.actor.expires_at
        seconds = None if expires is None else max((expires - datetime.now(UTC)).total_seconds(), 0)
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _read(self) -> Sequence[AnyChange]:
        assert self._channel is not None  # noqa: S101 - set before the stream is handed out
        ring, options = self._channel.ring, self._hub.options
        if max(ring.floor, ring.head - NEAR) <= self.seq:
            found = ring.after(self.seq, options.stream_page, options.stream_letters)
        else:
            async with self.turn():
                self.check()
                found = ring.after(self.seq, options.stream_page, options.stream_letters)
                if found is None:
                    found = await self._read_table()
        assert found is not None  # noqa: S101 - who is near the head is not behind the ring
        if any(self._may_end(change) for change in found):
            await self._check_standing()
        return found

    async def _read_table(self) -> Sequence[AnyChange]:
        """Read a page with the actor's own eyes; a member finds one there, or it was trimmed."""
        async with self._hub.database.read(self.user_id) as uow:
            scope, options = self.actor.scope(), self._hub.options
            found = await changes.following(
                uow.session, scope, self.log, self.seq, options.stream_page, letters=options.stream_letters
            )
            if not found or found[0].seq != self.seq + 1:
                if self.membership and await workspaces.find(uow.session, scope, self.log.id) is None:
                    raise forbidden(LOST)
                check_cursor(await changes.head(uow.session, self.log), self.seq)
        return found

    def _may_end(self, change: AnyChange) -> bool:
        """Return whether this change took away the stream's right."""
        if not isinstance(change, Change) or change.kind is not ChangeKind.DELETED:
            return False
        own = change.entity is EntityKind.MEMBER and change.entity_id == self.user_id
        return own or change.entity is EntityKind.WORKSPACE

    async def _check_standing(self) -> None:
        """End here unless the right was given back since; whose account was deleted lost its memberships as well."""
        async with self.turn(), self._hub.database.own_read("standing") as uow:
            caller = self.caller
            standings = await users.standings(uow.session, {caller})
            member = await members.find(uow.session, self.log.id, self.user_id)
        error = judge(self.actor, standings.get(caller), is_member=member is not None)
        if error is not None:
            raise error


@asynccontextmanager
async def open_stream(
    hub: "Hub", actor: Actor, workspace_id: UUID | None, after: int | None, *, cost: int = 1
) -> AsyncIterator[Stream]:
    """Open a stream after a number, or at the present end of the log; `cost` is what one event of it costs.

    Without a workspace it is the caller's own log.

    Raises:
        AppError: UNAUTHENTICATED, NOT_FOUND; FORBIDDEN for an API key that wants the own log of its user; BAD_REQUEST
            for a number beyond the log, CURSOR_EXPIRED for one before its beginning; RATE_LIMITED if the user
            watches too much already, QUERY_TOO_COMPLEX if this alone is too much.
    """
    stream = Stream(hub, require_user(actor), log_of(actor, workspace_id), cost)
    # Listen first, then look where the log ends: what is committed in between is heard.
    with hub.watching(stream) as channel:
        async with stream.turn(), hub.database.read(stream.user_id) as uow:
            head = await head_of(uow, actor, stream.log)
        if after is not None:
            check_cursor(head, after)
        stream.seq = head.seq if after is None else after
        stream.opened_at = head.seq
        stream.begins_now = after is None
        stream.attach(channel)
        channel.begin(head.seq)
        yield stream
