"""Queries on uploads and the parts that have arrived of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ScalarSelect, delete, exists, func, select

from db.models import Upload, UploadPart
from db.repositories.blobs import Extent, Extents
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession, WriteSession


def workspace_of(upload_id: UUID) -> ScalarSelect[UUID]:
    """Return the query for the id of the upload's workspace, which never changes."""
    return select(Upload.workspace_id).where(Upload.id == upload_id).scalar_subquery()


async def find(session: ReadSession, scope: Scope, upload_id: UUID) -> Upload | None:
    """Return the upload, expired or not, if the scope may see its workspace."""
    statement = select(Upload).where(Upload.id == upload_id, readable(scope, Upload.workspace_id.expression))
    return await session.one_or_none(statement)


async def find_any(session: ReadSession, upload_id: UUID) -> Upload | None:
    """Return the upload, expired or not, for whoever has a ticket."""
    return await session.one_or_none(select(Upload).where(Upload.id == upload_id))


async def count_open(session: ReadSession, owner_id: UUID, now: datetime) -> int:
    """Return how many uploads of a user are not complete, and have not expired."""
    condition = (Upload.owner_id == owner_id, Upload.completed_at.is_(None), Upload.expires_at > now)
    return await session.one(select(func.count()).select_from(Upload).where(*condition))


async def expired(session: ReadSession, moment: datetime, most: int) -> Sequence[UUID]:
    """Return some uploads that expired before a moment, the oldest first."""
    statement = select(Upload.id).where(Upload.expires_at < moment).order_by(Upload.expires_at).limit(most)
    return await session.all(statement)


async def parts_of(session: ReadSession, upload_id: UUID) -> Sequence[UploadPart]:
    """Return the parts of an upload, in their order."""
    return await session.all(select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(UploadPart.start))


async def count_parts(session: ReadSession, upload_id: UUID) -> int:
    """Return how many parts of an upload there are."""
    return await session.one(select(func.count()).select_from(UploadPart).where(UploadPart.upload_id == upload_id))


async def size_of_parts(session: ReadSession, workspace_id: UUID, *, but_of: UUID | None = None) -> int:
    """Return how many bytes the parts in a workspace have together, without those of one upload."""
    total = select(func.coalesce(func.sum(UploadPart.size), 0)).where(UploadPart.workspace_id == workspace_id)
    if but_of is not None:
        total = total.where(UploadPart.upload_id != but_of)
    # PostgreSQL sums up whole numbers as a decimal one.
    return int(await session.one(total))


async def any_parts_in(session: ReadSession, workspace_id: UUID) -> bool:
    """Return whether there are parts in a workspace."""
    return await session.one(select(exists().where(UploadPart.workspace_id == workspace_id)))


async def parts_among(session: ReadSession, ids: Sequence[UUID]) -> Extents:
    """Return those of the ids that are parts."""
    found = await session.all(select(UploadPart).where(UploadPart.id.in_(ids)))
    return {part.id: Extent(part.workspace_id, part.size) for part in found}


async def delete_parts(session: WriteSession, upload_id: UUID) -> Sequence[UUID]:
    """Delete the rows of an upload's parts, and return their ids."""
    ids = await session.all(select(UploadPart.id).where(UploadPart.upload_id == upload_id))
    if ids:
        await session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
    return ids
