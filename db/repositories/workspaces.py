"""Queries on workspaces."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, delete, exists, select, true, update
from sqlalchemy.orm import aliased

from db.clock import utc_now
from db.models import (
    Blob,
    Change,
    File,
    Invitation,
    Item,
    Member,
    Message,
    Thumbnails,
    Upload,
    UploadPart,
    Webhook,
    WebhookDelivery,
    Workspace,
)
from db.paging import Nested, Page, PageRequest, Sort, fetch_page, fetch_pages
from db.scope import EVERYTHING, Scope, Within
from db.session import ReadSession, WriteSession

BY_CREATED: Sort[Workspace] = Sort("created", Workspace.created_at, Workspace.id)

WorkspaceId = UUID | ScalarSelect[UUID]
"""A workspace's id, or the query that finds it."""


def readable(scope: Scope, workspace_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Return the condition under which the scope may see rows of that workspace."""
    if scope is EVERYTHING:
        return true()
    # An alias, or the condition would mean the members of a surrounding query.
    own = aliased(Member)
    if isinstance(scope, Within):
        return and_(
            workspace_id == scope.workspace_id,
            exists().where(own.workspace_id == workspace_id, own.user_id == scope.user_id),
        )
    return exists().where(own.workspace_id == workspace_id, own.user_id == scope)


def visible(scope: Scope) -> Select[Workspace]:
    """Select the workspaces that the scope may see."""
    return select(Workspace).where(Workspace.deleted_at.is_(None), readable(scope, Workspace.id.expression))


async def find(session: ReadSession, scope: Scope, workspace_id: UUID) -> Workspace | None:
    """Return the workspace, if the scope may see it."""
    return await session.one_or_none(visible(scope).where(Workspace.id == workspace_id))


async def find_many(session: ReadSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[Workspace]:
    """Return those of the workspaces that the scope may see, in no order."""
    return await session.all(visible(scope).where(Workspace.id.in_(ids)))


async def lock(session: WriteSession, scope: Scope, workspace_id: WorkspaceId) -> Workspace | None:
    """Take the row lock of a workspace: from here on, this transaction is its only writer.

    Where this is the first that the transaction does, it waits in line before it takes a connection.
    What was decided by this query is old by the time the lock is granted; read again after it.
    On SQLite a write transaction has the whole database to itself, and nothing is locked here.
    """
    await session.line_up(workspace_id)
    statement = visible(scope).where(Workspace.id == workspace_id)
    return await session.one_or_none(
        statement.with_for_update(key_share=True, of=Workspace).execution_options(populate_existing=True)
    )


async def lock_all_of(session: WriteSession, user_id: UUID) -> Sequence[Workspace]:
    """Take the row locks of all workspaces that a user belongs to, in the order of their ids."""
    return await session.all(
        visible(user_id)
        .order_by(Workspace.id)
        .with_for_update(key_share=True, of=Workspace)
        .execution_options(populate_existing=True)
    )


async def page(session: ReadSession, scope: Scope, request: PageRequest[Workspace]) -> Page[Workspace]:
    """Return one page of the workspaces that the scope may see."""
    return await fetch_page(session, visible(scope), request)


async def pages_of_users(
    session: ReadSession, scope: Scope, users: Sequence[UUID], request: PageRequest[Workspace]
) -> Sequence[Page[Workspace]]:
    """Return, per user, one page of the workspaces that both the user belongs to and the scope may see."""
    statement = visible(scope).join(Member, Member.workspace_id == Workspace.id)
    pages = await fetch_pages(session, Nested(statement, Member.user_id, users), request)
    return [pages[user] for user in users]


async def take_seqs(session: WriteSession, workspace_id: UUID, number: int) -> int:
    """Reserve the next `number` numbers of the log and return the last of them."""
    return await session.returning(
        update(Workspace)
        .where(Workspace.id == workspace_id)
        .values(seq=Workspace.seq + number)
        .returning(Workspace.seq)
    )


# In an order in which nothing that goes is still referred to.
_HELD = (
    WebhookDelivery,
    Webhook,
    UploadPart,
    Upload,
    File,
    Thumbnails,
    Blob,
    Message,
    Item,
    Invitation,
    Member,
    Change,
)


async def empty(session: WriteSession, workspace_id: UUID) -> None:
    """Delete all that a workspace holds: webhooks, uploads, files, messages, items, invitations, members and log."""
    for table in _HELD:
        await session.execute(delete(table).where(table.workspace_id == workspace_id))


async def mark_deleted(session: WriteSession, workspace: Workspace) -> None:
    """Turn the workspace into an empty marker of itself."""
    workspace.deleted_at = utc_now()
    workspace.name = ""
    await session.flush()
