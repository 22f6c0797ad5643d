"""Trimming the change log: what is older than `LOG_RETENTION_DAYS` goes, workspace by workspace."""

import asyncio
from datetime import timedelta

import structlog

from api.core.actor import SYSTEM, Actor
from db.clock import utc_now
from db.engine import Database
from db.errors import DatabaseError
from db.repositories import changes, workspaces

logger = structlog.get_logger("twofold.retention")

TRIM_EVERY_SECONDS = 3600.0


async def trim_logs(database: Database, actor: Actor, *, days: int) -> int:
    """Remove old changes and raise the floor of each log; return how many logs were trimmed.

    Each workspace is a transaction of its own, so writers wait for one of them at most.
    """
    before = utc_now() - timedelta(days=days)
    trimmed = 0
    async with database.read() as reading:
        old = await changes.workspaces_before(reading.session, before)
    for workspace_id in old:
        async with database.write() as uow:
            workspace = await workspaces.lock(uow.session, actor.scope(), workspace_id)
            if workspace is None:
                continue
            floor = await changes.last_before(uow.session, workspace_id, before)
            await changes.trim(uow.session, workspace_id, floor)
            workspace.trimmed_seq = max(workspace.trimmed_seq, floor)
            await uow.session.flush()
            trimmed += 1
    return trimmed


async def keep_trimmed(database: Database, *, days: int) -> None:
    """Trim all logs now and every hour, until cancelled."""
    while True:
        try:
            trimmed = await trim_logs(database, SYSTEM, days=days)
        except DatabaseError as error:
            logger.warning("the logs were not trimmed", error=type(error).__name__)
        else:
            if trimmed:
                logger.info("old changes were removed", workspaces=trimmed)
        await asyncio.sleep(TRIM_EVERY_SECONDS)
