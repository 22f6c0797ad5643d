"""The job that removes what has expired, once a day."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial
from uuid import NAMESPACE_URL, UUID, uuid5

from api.core.actor import SYSTEM
from api.schemas.jobs import Sweep
from api.services.idempotency import forget_old_requests
from api.services.trash import empty_trash, forget_uploads
from api.services.work.checking_files import check_files, report
from api.services.work.shrinking import promise_thumbnails
from api.services.work.tools import Tools
from db.clock import utc_now
from db.models import JobStatus
from db.repositories import (
    api_keys,
    invitations,
    jobs,
    mail_tokens,
    outbox,
    provider_identities,
    security_events,
    sessions,
    two_step,
    webhooks,
)
from db.session import WriteSession

HOUR = timedelta(hours=3)
"""When the day begins for it, in UTC: while most people sleep."""

KEEP_SESSIONS = timedelta(days=1)
KEEP_TOKENS = timedelta(days=1)
KEEP_KEYS = timedelta(days=30)
"""So long an expired API key is still listed, for who wonders why a program stopped."""

KEEP_OUTBOX = timedelta(days=30)
KEEP_DELIVERIES = timedelta(days=14)
KEEP_DONE = timedelta(days=7)
KEEP_DEAD = timedelta(days=90)
KEEP_PENDING = timedelta(hours=1)
"""So long a job that makes thumbnails may wait before it is promised again."""

BATCH = 500


def day_of(now: datetime) -> date:
    """Return the day whose sweep is due."""
    return (now - HOUR).date()


def job_id_of(day: date) -> UUID:
    """Return the id of a day's sweep: whoever promises it, it is one job."""
    return uuid5(NAMESPACE_URL, f"twofold:sweep:{day.isoformat()}")


async def sweep(tools: Tools, _job_id: UUID, _data: Sweep) -> None:
    """Remove what is over: tokens, sessions, keys, invitations, mails, requests, jobs, trash, uploads, bytes."""
    now = utc_now()
    async with tools.database.write() as uow:
        await mail_tokens.remove_expired(uow.session, now - KEEP_TOKENS)
        await api_keys.remove_expired(uow.session, now - KEEP_KEYS)
        await provider_identities.forget_used(uow.session, now)
        await two_step.remove_expired(uow.session, now - KEEP_TOKENS)
        await outbox.remove_before(uow.session, now - KEEP_OUTBOX)
        await forget_old_requests(uow, SYSTEM)
        await webhooks.forget_deliveries(uow.session, now - KEEP_DELIVERIES)
    await _in_batches(tools, partial(sessions.remove_expired, moment=now - KEEP_SESSIONS, most=BATCH))
    if tools.security_log_days:
        oldest = now - timedelta(days=tools.security_log_days)
        await _in_batches(tools, partial(security_events.remove_before, moment=oldest, most=BATCH))
    if tools.trash_days:
        await empty_trash(tools.database, SYSTEM, before=now - timedelta(days=tools.trash_days))
    await forget_uploads(tools.database, SYSTEM, before=now)
    # Alone, as it holds no workspace: who waits for one of these rows must wait for nothing else.
    async with tools.database.write() as uow:
        await invitations.remove_expired(uow.session, now - KEEP_TOKENS)
    await _forget_jobs(tools, now - KEEP_DONE, [JobStatus.DONE])
    await _forget_jobs(tools, now - KEEP_DEAD, [JobStatus.FAILED, JobStatus.STUCK, JobStatus.CANCELLED])
    # Last, as it alone needs the store.
    report(await check_files(tools.database, tools.store))
    await promise_thumbnails(tools.database, before=now - KEEP_PENDING)


async def _in_batches(tools: Tools, remove: Callable[[WriteSession], Awaitable[int]]) -> None:
    """Remove in small transactions, until one of them finds less than it may take."""
    while True:
        async with tools.database.write() as uow:
            if await remove(uow.session) < BATCH:
                return


async def _forget_jobs(tools: Tools, moment: datetime, statuses: list[JobStatus]) -> None:
    """Forget jobs in small transactions, so that nobody waits long for one."""
    found = [UUID(int=0)]
    while found:
        async with tools.database.read() as uow:
            found = await jobs.ended_before(uow.session, moment, statuses, BATCH)
        if found:
            await tools.database.jobs().forget(found)
