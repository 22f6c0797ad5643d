"""Queries on thumbnails."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, select

from db.models import Blob, File, Thumbnails
from db.repositories.blobs import Extent, Extents
from db.session import ReadSession, WriteSession


async def find(session: ReadSession, blob_id: UUID) -> Thumbnails | None:
    """Return what was made of bytes."""
    statement = select(Thumbnails).where(Thumbnails.blob_id == blob_id)
    return await session.one_or_none(statement.execution_options(populate_existing=True))


async def wanted(session: ReadSession, media_types: Sequence[str], before: datetime, most: int) -> Mapping[UUID, UUID]:
    """Return bytes of pictures older than a moment of which nobody has made any, with their workspaces."""
    is_picture = exists().where(File.blob_id == Blob.id, File.media_type.in_(media_types))
    is_done = exists().where(Thumbnails.blob_id == Blob.id)
    statement = select(Blob.id, Blob.workspace_id).where(Blob.created_at < before, is_picture, ~is_done).limit(most)
    return {row.id: row.workspace_id for row in await session.rows(statement)}


async def among(session: ReadSession, ids: Sequence[UUID]) -> Extents:
    """Return those of the ids under which thumbnails are in the store."""
    found = await session.all(select(Thumbnails).where(Thumbnails.stored_id.in_(ids)))
    return {one.stored_id: Extent(one.workspace_id, 0) for one in found if one.stored_id is not None}


async def after(session: ReadSession, blob_id: UUID, most: int) -> Sequence[Thumbnails]:
    """Return the thumbnails of all workspaces in the order of their pictures, from behind one."""
    statement = select(Thumbnails).where(Thumbnails.blob_id > blob_id).order_by(Thumbnails.blob_id)
    return await session.all(statement.limit(most))


async def forget(session: WriteSession, blob_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Delete the rows of the thumbnails of bytes, and return under which ids they are in the store."""
    mine = Thumbnails.blob_id.in_(blob_ids)
    stored = await session.all(select(Thumbnails.stored_id).where(mine))
    if stored:
        await session.execute(delete(Thumbnails).where(mine))
    return [one for one in stored if one is not None]
