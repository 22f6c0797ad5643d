"""Queries on items."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, select

from db.json_texts import JsonTexts
from db.models import Item, ItemStatus
from db.paging import Nested, Page, PageRequest, Sort, fetch_page, fetch_pages
from db.repositories.item_search import contains
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession

SORT_COLUMNS: Mapping[str, Any] = {
    "created": Item.created_at,
    "updated": Item.updated_at,
    "due": Item.due_at,
    "priority": Item.priority,
    "title": Item.title_key,
}


def sort_by(name: str) -> Sort[Item]:
    """Return the order with this name; a leading minus sign turns it round."""
    return Sort(name, SORT_COLUMNS[name.removeprefix("-")], Item.id, descending=name.startswith("-"))


@dataclass(frozen=True)
class ItemCriteria:
    """What items must fulfil. None means "any", "none" nobody; times are `from` inclusive, `to` exclusive."""

    status: Sequence[ItemStatus] | None = None
    assignee_id: UUID | Literal["none"] | None = None
    owner_id: UUID | None = None
    tag: str | None = None
    priority_from: int | None = None
    priority_to: int | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    due_from: datetime | None = None
    due_to: datetime | None = None
    text: str | None = None
    trashed: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the WHERE terms."""
        terms: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
            "status": Item.status.in_,
            "assignee_id": lambda value: Item.assignee_id == (None if value == "none" else value),
            "owner_id": lambda value: Item.owner_id == value,
            "tag": has_tag,
            "priority_from": lambda value: Item.priority >= value,
            "priority_to": lambda value: Item.priority <= value,
            "created_from": lambda value: Item.created_at >= value,
            "created_to": lambda value: Item.created_at < value,
            "updated_from": lambda value: Item.updated_at >= value,
            "updated_to": lambda value: Item.updated_at < value,
            "due_from": lambda value: Item.due_at >= value,
            "due_to": lambda value: Item.due_at < value,
            "text": contains,
        }
        trash = Item.deleted_at.is_not(None) if self.trashed else Item.deleted_at.is_(None)
        given = {name: getattr(self, name) for name in terms}
        return [trash, *(terms[name](value) for name, value in given.items() if value is not None)]


def has_tag(tag: str) -> ColumnElement[bool]:
    """Return the condition that an item carries exactly this tag."""
    tags = JsonTexts(Item.tags).table_valued("value")
    return exists().where(tags.c.value == tag)


def visible(scope: Scope) -> Select[Item]:
    """Select the items, in the trash or not, of the workspaces that the scope may see."""
    return select(Item).where(readable(scope, Item.workspace_id.expression))


def workspace_of(item_id: UUID) -> ScalarSelect[UUID]:
    """Return the query for the id of the item's workspace, which never changes."""
    return select(Item.workspace_id).where(Item.id == item_id).scalar_subquery()


async def find(session: ReadSession, scope: Scope, item_id: UUID) -> Item | None:
    """Return the item, if the scope may see it."""
    return await session.one_or_none(visible(scope).where(Item.id == item_id))


async def find_many(session: ReadSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Item]:
    """Return those of the items that the scope may see, in no order."""
    return await session.all(visible(scope).where(Item.id.in_(ids)))


async def in_trash_before(session: ReadSession, moment: datetime, most: int) -> Sequence[UUID]:
    """Return some items that came into the trash before a moment, those that lie there longest first."""
    statement = select(Item.id).where(Item.deleted_at < moment).order_by(Item.deleted_at).limit(most)
    return await session.all(statement)


async def taken(session: ReadSession, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return those of the ids that some item has already."""
    return await session.all(select(Item.id).where(Item.id.in_(ids)))


async def page(
    session: ReadSession, scope: Scope, workspace_id: UUID, criteria: ItemCriteria, request: PageRequest[Item]
) -> Page[Item]:
    """Return one page of a workspace's items."""
    statement = visible(scope).where(Item.workspace_id == workspace_id, *criteria.conditions())
    return await fetch_page(session, statement, request)


async def pages_of_workspaces(
    session: ReadSession,
    scope: Scope,
    workspaces: Sequence[UUID],
    criteria: ItemCriteria,
    request: PageRequest[Item],
) -> Sequence[Page[Item]]:
    """Return one page of items per workspace."""
    statement = visible(scope).where(*criteria.conditions())
    pages = await fetch_pages(session, Nested(statement, Item.workspace_id, workspaces), request)
    return [pages[workspace] for workspace in workspaces]


async def pages_of_owners(
    session: ReadSession, scope: Scope, owners: Sequence[UUID], criteria: ItemCriteria, request: PageRequest[Item]
) -> Sequence[Page[Item]]:
    """Return, per user, one page of the items the user owns and the scope may see."""
    statement = visible(scope).where(*criteria.conditions())
    pages = await fetch_pages(session, Nested(statement, Item.owner_id, owners), request)
    return [pages[owner] for owner in owners]
