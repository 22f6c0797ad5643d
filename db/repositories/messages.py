"""Queries on messages."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, delete, select

from db.models import Message
from db.paging import Nested, Page, PageRequest, Sort, fetch_page, fetch_pages
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession, WriteSession


def sort_by(name: str) -> Sort[Message]:
    """Return the order `created` or `-created`."""
    return Sort(name, Message.created_at, Message.id, descending=name.startswith("-"))


def visible(scope: Scope) -> Select[Message]:
    """Select the messages of the workspaces that the scope may see."""
    return select(Message).where(readable(scope, Message.workspace_id.expression))


def workspace_of(message_id: UUID) -> ScalarSelect[UUID]:
    """Return the query for the id of the message's workspace, which never changes."""
    return select(Message.workspace_id).where(Message.id == message_id).scalar_subquery()


async def find(session: ReadSession, scope: Scope, message_id: UUID) -> Message | None:
    """Return the message, if the scope may see it."""
    return await session.one_or_none(visible(scope).where(Message.id == message_id))


async def find_many(session: ReadSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Message]:
    """Return those of the messages that the scope may see, in no order."""
    return await session.all(visible(scope).where(Message.id.in_(ids)))


async def of_item(session: WriteSession, item_id: UUID) -> Sequence[Message]:
    """Return the whole thread of an item, oldest first."""
    return await session.all(select(Message).where(Message.item_id == item_id).order_by(Message.created_at, Message.id))


async def page_of_room(
    session: ReadSession, scope: Scope, workspace_id: UUID, request: PageRequest[Message]
) -> Page[Message]:
    """Return one page of a workspace's room."""
    statement = visible(scope).where(Message.workspace_id == workspace_id, Message.item_id.is_(None))
    return await fetch_page(session, statement, request)


async def page_of_thread(
    session: ReadSession, scope: Scope, item_id: UUID, request: PageRequest[Message]
) -> Page[Message]:
    """Return one page of an item's thread."""
    return await fetch_page(session, visible(scope).where(Message.item_id == item_id), request)


async def pages_of_rooms(
    session: ReadSession, scope: Scope, workspaces: Sequence[UUID], request: PageRequest[Message]
) -> Sequence[Page[Message]]:
    """Return one page of the room of each workspace."""
    statement = visible(scope).where(Message.item_id.is_(None))
    pages = await fetch_pages(session, Nested(statement, Message.workspace_id, workspaces), request)
    return [pages[workspace] for workspace in workspaces]


async def pages_of_threads(
    session: ReadSession, scope: Scope, items: Sequence[UUID], request: PageRequest[Message]
) -> Sequence[Page[Message]]:
    """Return one page of the thread of each item."""
    pages = await fetch_pages(session, Nested(visible(scope), Message.item_id, items), request)
    return [pages[item] for item in items]


async def delete_thread(session: WriteSession, item_id: UUID) -> None:
    """Delete all messages of an item."""
    await session.execute(delete(Message).where(Message.item_id == item_id))
