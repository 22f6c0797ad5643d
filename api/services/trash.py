"""Emptying the trash: what lay there for `TRASH_DAYS` goes for good, item by item."""

from datetime import datetime

import structlog

from api.core.actor import Actor
from api.core.errors import AppError, ErrorCode
from api.services.items import purge_item
from db.engine import Database
from db.repositories import items

logger = structlog.get_logger("twofold.trash")

BATCH = 100


async def empty_trash(database: Database, actor: Actor, *, before: datetime) -> int:
    """Delete for good what came into the trash before a moment, and return how many items that were.

    Each is a transaction of its own, so writers of its workspace wait for one of them at most.
    """
    removed = 0
    while True:
        async with database.read() as uow:
            found = await items.in_trash_before(uow.session, before, BATCH)
        for item_id in found:
            try:
                async with database.write() as uow:
                    removed += await purge_item(uow, actor, item_id, trashed_before=before)
            except AppError as error:
                # Somebody was faster.
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
        if len(found) < BATCH:
            break
    if removed:
        logger.info("the trash was emptied", items=removed)
    return removed
