"""Queries on tombstones."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, insert, literal, select

from db.models import EntityKind, Item, Message, Tombstone
from db.session import ReadSession, WriteSession


async def versions(
    session: ReadSession, entity: EntityKind, ids: Sequence[UUID], *, workspace_id: UUID | None = None
) -> Mapping[UUID, int]:
    """Return the last version of those that were deleted; an id that never was is absent.

    Items and messages are looked for wherever they were; a member is one of a single workspace.
    """
    statement = (
        select(Tombstone.entity_id, func.max(Tombstone.version).label("version"))
        .where(Tombstone.entity_id.in_(ids), Tombstone.entity == entity)
        .group_by(Tombstone.entity_id)
    )
    if workspace_id is not None:
        statement = statement.where(Tombstone.workspace_id == workspace_id)
    return {row.entity_id: row.version for row in await session.rows(statement)}


async def add(session: WriteSession, rows: Sequence[dict[str, object]]) -> None:
    """Write tombstones."""
    await session.insert_many(Tombstone, rows)


async def add_for_all(session: WriteSession, workspace_id: UUID) -> None:
    """Write the tombstones of all that a workspace holds and whose id may be chosen again elsewhere."""
    for entity, table in ((EntityKind.ITEM, Item), (EntityKind.MESSAGE, Message)):
        buried = select(table.id, table.workspace_id, literal(entity, Tombstone.entity.type), table.version + 1).where(
            table.workspace_id == workspace_id
        )
        await session.execute(insert(Tombstone).from_select(["entity_id", "workspace_id", "entity", "version"], buried))
