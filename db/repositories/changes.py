"""Queries on the change log."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from db.models import Change
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession, WriteSession


async def append(session: WriteSession, rows: Sequence[dict[str, object]]) -> None:
    """Write entries whose numbers were taken in this transaction."""
    await session.insert_many(Change, rows)


async def after(session: ReadSession, scope: Scope, workspace_id: UUID, seq: int, limit: int) -> Sequence[Change]:
    """Return the entries with a number above `seq`, in order, as far as the scope may see them."""
    return await session.all(
        select(Change)
        .where(Change.workspace_id == workspace_id, Change.seq > seq, readable(scope, Change.workspace_id.expression))
        .order_by(Change.seq)
        .limit(limit)
    )
