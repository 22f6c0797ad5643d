"""Queries on the bytes behind files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, exists, func, select

from db.models import Blob, File
from db.session import ReadSession, WriteSession


@dataclass(frozen=True)
class Extent:
    """How much bytes are said to be, and whose they are."""

    workspace_id: UUID
    size: int


Extents = Mapping[UUID, Extent]


async def size_of_all(session: ReadSession, workspace_id: UUID) -> int:
    """Return how many bytes a workspace keeps; those that several files share count once."""
    total = func.coalesce(func.sum(Blob.size), 0)
    # PostgreSQL sums up whole numbers as a decimal one.
    return int(await session.one(select(total).where(Blob.workspace_id == workspace_id)))


async def any_in(session: ReadSession, workspace_id: UUID) -> bool:
    """Return whether a workspace keeps any bytes."""
    return await session.one(select(exists().where(Blob.workspace_id == workspace_id)))


async def with_sums(session: ReadSession, workspace_id: UUID, sums: Sequence[str]) -> Mapping[str, Blob]:
    """Return, by their checksums, those bytes that a workspace keeps already."""
    found = await session.all(select(Blob).where(Blob.workspace_id == workspace_id, Blob.sha256.in_(sums)))
    return {blob.sha256: blob for blob in found}


async def of(session: ReadSession, ids: Sequence[UUID]) -> Extents:
    """Return those of the ids that there are."""
    rows = await session.rows(select(Blob.id, Blob.workspace_id, Blob.size).where(Blob.id.in_(ids)))
    return {row.id: Extent(row.workspace_id, row.size) for row in rows}


async def after(session: ReadSession, blob_id: UUID, most: int) -> Extents:
    """Return the bytes of all workspaces in the order of their ids, from behind one."""
    statement = select(Blob.id, Blob.workspace_id, Blob.size).where(Blob.id > blob_id).order_by(Blob.id).limit(most)
    return {row.id: Extent(row.workspace_id, row.size) for row in await session.rows(statement)}


async def unused(session: ReadSession, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return those of the ids whose bytes no file has any more."""
    return await session.all(select(Blob.id).where(Blob.id.in_(ids), ~exists().where(File.blob_id == Blob.id)))


async def delete_many(session: WriteSession, ids: Sequence[UUID]) -> None:
    """Delete the rows of bytes."""
    await session.execute(delete(Blob).where(Blob.id.in_(ids)))
