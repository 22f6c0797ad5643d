"""Queries of import and export: many rows at once, and walks over all of a workspace."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_

from db.models import Item, Member, Message, User
from db.repositories.users import living
from db.session import ReadSession


async def accounts_of(session: ReadSession, addresses: Sequence[str]) -> Mapping[str, UUID]:
    """Return the accounts with these e-mail addresses, in the form in which they are stored."""
    users = await session.all(living().where(User.email.in_(addresses)))
    return {user.email: user.id for user in users if user.email is not None}


async def members_among(session: ReadSession, workspace_id: UUID, users: Sequence[UUID]) -> Sequence[UUID]:
    """Return those of the users who are members of the workspace."""
    return await session.all(
        select(Member.user_id).where(Member.workspace_id == workspace_id, Member.user_id.in_(users))
    )


async def items_among(session: ReadSession, workspace_id: UUID, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return those of the ids that are items of the workspace, in the trash or not."""
    return await session.all(select(Item.id).where(Item.workspace_id == workspace_id, Item.id.in_(ids)))


async def taken_messages(session: ReadSession, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return those of the ids that some message has already."""
    return await session.all(select(Message.id).where(Message.id.in_(ids)))


# The walks compare whole positions, `(a, b) > (x, y)`: an index that begins with the workspace is
# then entered where the last stretch ended, on both databases.


async def next_items(
    session: ReadSession, workspace_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Item]:
    """Return the items that follow a position, in the trash or not, oldest first."""
    statement = select(Item).where(Item.workspace_id == workspace_id)
    if after is not None:
        statement = statement.where(tuple_(Item.created_at, Item.id) > after)
    return await session.all(statement.order_by(Item.created_at, Item.id).limit(limit))


async def next_in_room(
    session: ReadSession, workspace_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Message]:
    """Return the messages of a workspace's room that follow a position, oldest first."""
    statement = select(Message).where(Message.workspace_id == workspace_id, Message.item_id.is_(None))
    if after is not None:
        statement = statement.where(tuple_(Message.created_at, Message.id) > after)
    return await session.all(statement.order_by(Message.created_at, Message.id).limit(limit))


async def next_in_threads(
    session: ReadSession, workspace_id: UUID, after: tuple[UUID, datetime, UUID] | None, limit: int
) -> Sequence[Message]:
    """Return the messages of all threads that follow a position: thread by thread, oldest first."""
    statement = select(Message).where(Message.workspace_id == workspace_id, Message.item_id.is_not(None))
    if after is not None:
        statement = statement.where(tuple_(Message.item_id, Message.created_at, Message.id) > after)
    return await session.all(statement.order_by(Message.item_id, Message.created_at, Message.id).limit(limit))
