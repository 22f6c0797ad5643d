"""Exporting a workspace as lines that an import reads back equal."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from uuid import UUID

from api.core.actor import Actor
from api.services import access
from api.services.transfer.records import item_line, message_line
from db.models import Item, Message
from db.repositories import transfer, users
from db.session import ReadSession
from db.unit_of_work import ReadUnit

STRETCH = 500


async def export_lines(uow: ReadUnit, actor: Actor, workspace_id: UUID) -> AsyncGenerator[str]:
    """Yield a line per item, trash included, then per message of the room and of the threads.

    All of it is as it was at one moment, that of the transaction.

    Raises:
        AppError: NOT_FOUND.
    """
    workspace = await access.see(uow, actor, workspace_id)
    addresses = _Addresses(uow.session)
    async for items in _items(uow.session, workspace.id):
        await addresses.learn(user for item in items for user in (item.owner_id, item.assignee_id))
        for item in items:
            yield item_line(item, addresses.known)
    async for messages in _messages(uow.session, workspace.id):
        await addresses.learn(message.author_id for message in messages)
        for message in messages:
            yield message_line(message, addresses.known)


class _Addresses:
    """The e-mail addresses of the people met so far; None for those whose accounts were deleted."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session
        self.known: dict[UUID, str | None] = {}

    async def learn(self, ids: Iterable[UUID | None]) -> None:
        new = {user_id for user_id in ids if user_id is not None} - self.known.keys()
        if new:
            self.known |= {user.id: user.email for user in await users.find_many(self._session, list(new))}


async def _items(session: ReadSession, workspace_id: UUID) -> AsyncIterator[list[Item]]:
    after = None
    while found := list(await transfer.next_items(session, workspace_id, after, STRETCH)):
        after = (found[-1].created_at, found[-1].id)
        yield found


async def _messages(session: ReadSession, workspace_id: UUID) -> AsyncIterator[list[Message]]:
    in_room = None
    while found := list(await transfer.next_in_room(session, workspace_id, in_room, STRETCH)):
        in_room = (found[-1].created_at, found[-1].id)
        yield found
    in_threads = None
    while found := list(await transfer.next_in_threads(session, workspace_id, in_threads, STRETCH)):
        last = found[-1]
        assert last.item_id is not None  # noqa: S101 - the query's condition
        in_threads = (last.item_id, last.created_at, last.id)
        yield found
