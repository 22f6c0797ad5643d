"""A process that does jobs: it says that it is there, and takes over from those that went without a word."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta

import structlog

from api.schemas.jobs import DeliverWebhook, Sweep
from api.services.jobs import enqueue
from api.services.work.kinds import APART, handlers
from api.services.work.sweep import day_of, job_id_of
from api.services.work.tools import Tools
from db.clock import utc_now
from db.errors import DatabaseError
from db.jobs.runner import JobRunner
from db.models import JobStatus
from db.repositories import jobs, workers

logger = structlog.get_logger("twofold.jobs")

BEAT_SECONDS = 10.0
GONE_AFTER = timedelta(seconds=30)
"""Who has been silent for so long is gone: with a beat more, and a look into the queue, its jobs go on within 45 s."""

PAUSES = (10.0, 60.0, 5 * 60.0, 30 * 60.0, 2 * 3600.0, 6 * 3600.0, 12 * 3600.0)
"""Seconds between the attempts at a job: eight of them within a day, which is as long as servers are down."""

AT_ONCE = 10

KEEP_DELIVERING = timedelta(minutes=10)
BATCH = 500


class Worker:
    """Does jobs in this process for the length of a block."""

    def __init__(self, tools: Tools) -> None:
        self._database = tools.database
        # Never the name of one that was here before: whoever bears it now may still be at work.
        self.id = f"{socket.gethostname()[:150]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._runner = JobRunner(self._database.url, self.id, handlers(tools), PAUSES, at_once=AT_ONCE, apart=APART)
        self._swept: date | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Do jobs as long as the block lasts."""
        # Before anything else: who has jobs and is not known to be there counts as gone.
        await self._say_present()
        await self._runner.start()
        beats = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beats.cancel()
            with suppress(asyncio.CancelledError):
                await beats
            await self._runner.stop()
            with suppress(DatabaseError):
                async with self._database.write() as uow:
                    await workers.say_goodbye(uow.session, self.id)

    async def _beat(self) -> None:
        while True:
            try:
                await self._take_over()
                await asyncio.sleep(BEAT_SECONDS)
                await self._say_present()
                await self._forget()
            except DatabaseError as error:
                logger.warning("a worker could not say that it is there", error=type(error).__name__)
                await asyncio.sleep(BEAT_SECONDS)

    async def _say_present(self) -> None:
        """Say that this worker is there, and promise the day's sweep if nobody has yet."""
        now = utc_now()
        async with self._database.write() as uow:
            await workers.say_present(uow.session, self.id, now, gone=now - GONE_AFTER)
            if self._swept != day_of(now):
                await enqueue(uow, Sweep(day=day_of(now)), job_id=job_id_of(day_of(now)))
        self._swept = day_of(now)

    async def _forget(self) -> None:
        """Forget what woke webhooks a while ago: of a busy workspace that is a job for each second."""
        moment = utc_now() - KEEP_DELIVERING
        async with self._database.own_read("workers") as uow:
            found = await jobs.ended_before(uow.session, moment, [JobStatus.DONE], BATCH, kind=DeliverWebhook.kind)
        if found:
            await self._database.jobs().forget(found)

    async def _take_over(self) -> None:
        """Let the jobs of workers that are gone go on."""
        # In this order: who has jobs said before that it is there.
        busy = await self._runner.workers_with_jobs()
        async with self._database.own_read("workers") as uow:
            present = await workers.seen_since(uow.session, utc_now() - GONE_AFTER)
        gone = busy.difference(present)
        if gone:
            number = await self._runner.take_over(gone)
            logger.warning("jobs were taken over", workers=sorted(gone), jobs=number)
