"""Queries on files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, delete, func, select

from db.models import File
from db.paging import Nested, Page, PageRequest, Sort, fetch_page, fetch_pages
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession, WriteSession

SORT_COLUMNS: Mapping[str, Any] = {"created": File.created_at, "name": File.name_key, "size": File.size}


def sort_by(name: str) -> Sort[File]:
    """Return the order with this name; a leading minus sign turns it round."""
    return Sort(name, SORT_COLUMNS[name.removeprefix("-")], File.id, descending=name.startswith("-"))


@dataclass(frozen=True)
class FileCriteria:
    """What files must fulfil; None means "any"."""

    item_id: UUID | None = None
    message_id: UUID | None = None
    trashed: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the WHERE terms."""
        terms: list[ColumnElement[bool]] = [File.deleted_at.is_not(None) if self.trashed else File.deleted_at.is_(None)]
        if self.item_id is not None:
            terms.append(File.item_id == self.item_id)
        if self.message_id is not None:
            terms.append(File.message_id == self.message_id)
        return terms


def visible(scope: Scope) -> Select[File]:
    """Select the files, in the trash or not, of the workspaces that the scope may see."""
    return select(File).where(readable(scope, File.workspace_id.expression))


def workspace_of(file_id: UUID) -> ScalarSelect[UUID]:
    """Return the query for the id of the file's workspace, which never changes."""
    return select(File.workspace_id).where(File.id == file_id).scalar_subquery()


async def find(session: ReadSession, scope: Scope, file_id: UUID) -> File | None:
    """Return the file, if the scope may see it."""
    return await session.one_or_none(visible(scope).where(File.id == file_id))


async def find_many(session: ReadSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[File]:
    """Return those of the files that the scope may see, in no order."""
    return await session.all(visible(scope).where(File.id.in_(ids)))


async def page(
    session: ReadSession, scope: Scope, workspace_id: UUID, criteria: FileCriteria, request: PageRequest[File]
) -> Page[File]:
    """Return one page of a workspace's files, whatever they belong to."""
    statement = visible(scope).where(File.workspace_id == workspace_id, *criteria.conditions())
    return await fetch_page(session, statement, request)


async def pages_of_workspaces(
    session: ReadSession, scope: Scope, workspaces: Sequence[UUID], criteria: FileCriteria, request: PageRequest[File]
) -> Sequence[Page[File]]:
    """Return one page of files per workspace."""
    statement = visible(scope).where(*criteria.conditions())
    pages = await fetch_pages(session, Nested(statement, File.workspace_id, workspaces), request)
    return [pages[workspace] for workspace in workspaces]


async def pages_of_items(
    session: ReadSession, scope: Scope, items: Sequence[UUID], criteria: FileCriteria, request: PageRequest[File]
) -> Sequence[Page[File]]:
    """Return one page of files per item, those of its thread included."""
    statement = visible(scope).where(*criteria.conditions())
    pages = await fetch_pages(session, Nested(statement, File.item_id, items), request)
    return [pages[item] for item in items]


async def pages_of_messages(
    session: ReadSession, scope: Scope, messages: Sequence[UUID], criteria: FileCriteria, request: PageRequest[File]
) -> Sequence[Page[File]]:
    """Return one page of files per message."""
    statement = visible(scope).where(*criteria.conditions())
    pages = await fetch_pages(session, Nested(statement, File.message_id, messages), request)
    return [pages[message] for message in messages]


async def in_trash_before(session: ReadSession, moment: datetime, most: int) -> Sequence[UUID]:
    """Return some files that came into the trash before a moment, those that lie there longest first."""
    statement = select(File.id).where(File.deleted_at < moment).order_by(File.deleted_at).limit(most)
    return await session.all(statement)


async def of_item(session: WriteSession, item_id: UUID) -> Sequence[File]:
    """Return all files of an item and its thread, in the trash or not, oldest first."""
    return await session.all(select(File).where(File.item_id == item_id).order_by(File.created_at, File.id))


async def of_message(session: WriteSession, message_id: UUID) -> Sequence[File]:
    """Return all files of a message, in the trash or not, oldest first."""
    return await session.all(select(File).where(File.message_id == message_id).order_by(File.created_at, File.id))


async def count_of_item(session: ReadSession, item_id: UUID) -> int:
    """Return how many files an item and its thread have, the trash included."""
    return await session.one(select(func.count()).select_from(File).where(File.item_id == item_id))


async def count_of_message(session: ReadSession, message_id: UUID) -> int:
    """Return how many files a message has, the trash included."""
    return await session.one(select(func.count()).select_from(File).where(File.message_id == message_id))


async def delete_many(session: WriteSession, ids: Sequence[UUID]) -> None:
    """Delete the rows of files."""
    await session.execute(delete(File).where(File.id.in_(ids)))
