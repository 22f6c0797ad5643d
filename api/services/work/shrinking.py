"""The job that makes the thumbnails of a picture, and the promise of those that are wanted."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from api.core.actor import SYSTEM
from api.core.errors import AppError, ErrorCode
from api.core.files.store import BytesMissingError, Key
from api.core.files.thumbnails import KINDS, PictureError, Thumbnails
from api.core.permissions import Permission
from api.schemas.jobs import MakeThumbnails
from api.services import access
from api.services.jobs import enqueue
from api.services.work.tools import Tools
from db.engine import Database
from db.models import Thumbnails as ThumbnailsRow
from db.models.base import new_id
from db.repositories import blobs, thumbnails
from db.unit_of_work import UnitOfWork

BATCH = 500


async def make_thumbnails(tools: Tools, _job_id: UUID, data: MakeThumbnails) -> None:
    """Make the thumbnails of a picture, or note that there can be none. Done again, it finds them made."""
    async with tools.database.read() as uow:
        extent = (await blobs.of(uow.session, [data.blob_id])).get(data.blob_id)
        if extent is None or await thumbnails.find(uow.session, data.blob_id) is not None:
            return
    made = await _made(tools, Key(data.workspace_id, data.blob_id), extent.size)
    key = Key(data.workspace_id, new_id())
    if made is not None:
        await tools.store.put_whole(key, made.content)
    is_kept = False
    try:
        async with tools.database.write() as uow:
            is_kept = await _keep(uow, data, made, key)
    finally:
        if not is_kept and made is not None:
            await tools.store.delete([key])


async def promise_thumbnails(database: Database, *, before: datetime) -> None:
    """Promise those of pictures older than a moment of which none were made: by an earlier version, or since lost."""
    async with database.read() as uow:
        wanted = await thumbnails.wanted(uow.session, sorted(KINDS), before, BATCH)
    for blob_id, workspace_id in wanted.items():
        async with database.write() as unit:
            await enqueue(unit, MakeThumbnails(workspace_id=workspace_id, blob_id=blob_id))


async def _made(tools: Tools, key: Key, size: int) -> Thumbnails | None:
    try:
        return await tools.shrinker.shrink(tools.store.read(key, 0, size))
    except (PictureError, BytesMissingError):
        return None


async def _keep(uow: UnitOfWork, data: MakeThumbnails, made: Thumbnails | None, key: Key) -> bool:
    """Note what was made, and return whether it is wanted: the picture may be gone, or another job was faster."""
    try:
        await access.enter(uow, SYSTEM, data.workspace_id, Permission.MANAGE)
    except AppError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return False
    known = await blobs.of(uow.session, [data.blob_id])
    if data.blob_id not in known or await thumbnails.find(uow.session, data.blob_id) is not None:
        return False
    row = ThumbnailsRow(
        blob_id=data.blob_id,
        workspace_id=data.workspace_id,
        stored_id=None if made is None else key.blob_id,
        parts={} if made is None else {name: asdict(part) for name, part in made.parts.items()},
    )
    await uow.session.insert(row)
    return made is not None
