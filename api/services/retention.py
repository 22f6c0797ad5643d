"""Trimming the logs: what is older than `LOG_RETENTION_DAYS` goes, log by log."""

import asyncio
from datetime import timedelta

import structlog

from api.core.actor import SYSTEM, Actor
from db.clock import utc_now
from db.engine import Database
from db.errors import DatabaseError
from db.logs import LogKind
from db.models import OwnLog, Workspace
from db.repositories import changes, own_logs, workspaces

logger = structlog.get_logger("twofold.retention")

TRIM_EVERY_SECONDS = 3600.0


async def trim_logs(database: Database, actor: Actor, *, days: int) -> int:
    """Remove old changes and raise the floor of each log; return how many logs were trimmed.

    Each log is a transaction of its own, so writers wait for one of them at most.
    """
    before = utc_now() - timedelta(days=days)
    trimmed = 0
    async with database.read() as reading:
        old = await changes.logs_before(reading.session, before)
    for log in old:
        async with database.write() as uow:
            if log.kind is LogKind.ACCOUNT:
                keeper: Workspace | OwnLog | None = await own_logs.lock(uow.session, log.id)
            else:
                keeper = await workspaces.lock(uow.session, actor.scope(), log.id)
            if keeper is None:
                continue
            floor = await changes.last_before(uow.session, log, before)
            await changes.trim(uow.session, log, floor)
            keeper.trimmed_seq = max(keeper.trimmed_seq, floor)
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
                logger.info("old changes were removed", logs=trimmed)
        await asyncio.sleep(TRIM_EVERY_SECONDS)
