"""Who promises that webhooks are told: each process does, when it committed a change, and at a beat for all.

It is the job that does the work, wherever there is a worker. A wake-up that is lost delays, never loses: whether a
webhook is behind stands in the database.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from api.services.webhooks import promise
from db.clock import utc_now
from db.engine import Database
from db.errors import DatabaseError
from db.repositories import jobs, webhooks
from db.unit_of_work import UnitOfWork

logger = structlog.get_logger("twofold.webhooks")

BEAT_SECONDS = 5.0
PAUSE_SECONDS = 0.2
"""Changes that come so soon after each other are one wake-up."""

BATCH = 500


class Waker:
    """Promises jobs for the webhooks of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._woken: set[UUID] = set()
        self._something = asyncio.Event()
        database.on_commit(self._committed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Wake webhooks for the length of the block."""
        tasks = [asyncio.create_task(self._follow_commits()), asyncio.create_task(self._keep_beat())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _committed(self, uow: UnitOfWork) -> None:
        if uow.last_seqs:
            self._woken |= uow.last_seqs.keys()
            self._something.set()

    async def _follow_commits(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            woken, self._woken = self._woken, set()
            await self._wake(woken)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _keep_beat(self) -> None:
        while True:
            await self._wake(None)
            await asyncio.sleep(BEAT_SECONDS)

    async def _wake(self, workspace_ids: Collection[UUID] | None) -> None:
        try:
            await wake_webhooks(self._database, workspace_ids)
        except DatabaseError:
            # The next beat tries again.
            return
        except Exception:
            # Whatever it is: all webhooks of the process live by it, and the next beat tries again.
            logger.exception("webhooks were not woken")


async def wake_webhooks(database: Database, workspace_ids: Collection[UUID] | None) -> None:
    """Promise a job for each webhook of these workspaces, or of any, that is behind and that nobody is at."""
    async with database.own_read("webhooks") as uow:
        found = await webhooks.behind(uow.session, utc_now(), BATCH, workspace_ids)
        promised = [one.job_id for one in found if one.job_id is not None]
        busy = await jobs.open_among(uow.session, promised) if promised else set()
        idle = [one.id for one in found if one.job_id not in busy]
    for webhook_id in idle:
        async with database.write() as uow:
            await _wake(uow, webhook_id)


async def _wake(uow: UnitOfWork, webhook_id: UUID) -> None:
    """Promise the job, unless somebody else just did, and may have failed since."""
    webhook = await webhooks.lock(uow.session, webhook_id)
    if webhook is None or webhook.paused or (webhook.next_attempt_at or utc_now()) > utc_now():
        return
    if webhook.job_id is None or not await jobs.open_among(uow.session, [webhook.job_id]):
        await promise(uow, webhook)
