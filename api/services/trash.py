"""Emptying the trash, and what was promised and never came: it goes for good, one thing after the other."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from api.core.actor import Actor
from api.core.errors import AppError, ErrorCode
from api.services.files import purge_file
from api.services.items import purge_item
from api.services.upload_tickets import purge_upload
from db.engine import Database
from db.repositories import files, items, uploads
from db.session import ReadSession
from db.unit_of_work import UnitOfWork

logger = structlog.get_logger("twofold.trash")

BATCH = 100


async def empty_trash(database: Database, actor: Actor, *, before: datetime) -> int:
    """Delete for good what came into the trash before a moment, and return how many items and files that were.

    Each is a transaction of its own, so writers of its workspace wait for one of them at most. Files that go with
    their item are not counted.
    """

    async def purge_one_item(uow: UnitOfWork, item_id: UUID) -> bool:
        return await purge_item(uow, actor, item_id, trashed_before=before)

    async def purge_one_file(uow: UnitOfWork, file_id: UUID) -> bool:
        return await purge_file(uow, actor, file_id, trashed_before=before)

    removed_items = await _empty(database, items.in_trash_before, purge_one_item, before)
    removed_files = await _empty(database, files.in_trash_before, purge_one_file, before)
    if removed_items or removed_files:
        logger.info("the trash was emptied", items=removed_items, files=removed_files)
    return removed_items + removed_files


async def forget_uploads(database: Database, actor: Actor, *, before: datetime) -> int:
    """Forget the uploads that expired before a moment, with what had arrived of them, and return how many they were."""

    async def purge_one(uow: UnitOfWork, upload_id: UUID) -> bool:
        return await purge_upload(uow, actor, upload_id)

    return await _empty(database, uploads.expired, purge_one, before)


async def _empty(
    database: Database,
    find: Callable[[ReadSession, datetime, int], Awaitable[Sequence[UUID]]],
    purge: Callable[[UnitOfWork, UUID], Awaitable[bool]],
    before: datetime,
) -> int:
    removed = 0
    while True:
        async with database.read() as uow:
            found = await find(uow.session, before, BATCH)
        for one in found:
            try:
                async with database.write() as uow:
                    removed += await purge(uow, one)
            except AppError as error:
                # Somebody was faster.
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
        if len(found) < BATCH:
            return removed
