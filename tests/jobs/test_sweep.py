"""What has expired is removed once a day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi import FastAPI

from api.config import Settings
from api.core.mail_tokens import digest_of
from api.schemas.jobs import Sweep
from api.server.working import tools_of
from api.services.work.sweep import day_of, job_id_of, sweep
from api.services.work.worker import Worker
from db.clock import utc_now
from db.engine import Database
from db.models import Job, JobStatus, MailPurpose, MailToken, OutboxMail
from db.models.base import new_id
from db.paging import PageRequest
from db.repositories import jobs, mail_tokens, outbox
from tests.conftest import AppFactory
from tests.doors.people import World

TODAY = date(2026, 3, 1)


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application whose jobs wait for a worker that never comes."""
    app: FastAPI = await make_app()
    return app


def mail(age: timedelta) -> OutboxMail:
    return OutboxMail(
        id=new_id(),
        created_at=utc_now() - age,
        recipient="a@example.com",
        subject="s",
        text="t",
        html="h",
        message_id="m",
    )


def token(world: World, expired: timedelta) -> MailToken:
    return MailToken(
        id=new_id(),
        digest=digest_of(str(expired)),
        purpose=MailPurpose.VERIFICATION,
        user_id=world.viewer.id,
        email="viewer@example.com",
        password_digest=digest_of(""),
        expires_at=utc_now() - expired,
    )


async def all_jobs(database: Database) -> list[Job]:
    async with database.read() as uow:
        return list((await jobs.page(uow.session, PageRequest(jobs.NEWEST_FIRST, 100), None)).rows)


async def test_only_what_expired_is_removed(settings: Settings, app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    tokens = [token(world, expired) for expired in (timedelta(days=-1), timedelta(hours=23), timedelta(hours=25))]
    mails = [mail(timedelta(days=days)) for days in (1, 29, 31)]
    async with database.write() as uow:
        await uow.session.insert(*tokens)
        await uow.session.insert(*mails)
    await sweep(tools_of(settings, database), new_id(), Sweep(day=TODAY))
    async with database.read() as uow:
        assert [await mail_tokens.find(uow.session, one.id) is None for one in tokens] == [False, False, True]
        assert [await outbox.find(uow.session, one.id) is None for one in mails] == [False, False, True]


async def test_jobs_that_ended_are_forgotten_and_open_ones_never(settings: Settings, app: FastAPI) -> None:
    database: Database = app.state.database
    ids = [new_id() for _ in range(3)]
    for job_id in ids:
        async with database.write() as uow:
            await uow.enqueue("work", {}, job_id=job_id)
    await database.jobs().cancel(ids[0])
    await database.jobs().cancel(ids[1])
    async with database.read() as uow:
        now = utc_now()
        assert await jobs.ended_before(uow.session, now - timedelta(minutes=1), [JobStatus.CANCELLED], 10) == []
        found = await jobs.ended_before(uow.session, now + timedelta(minutes=1), [JobStatus.CANCELLED], 10)
    assert sorted(found) == sorted(ids[:2])
    await database.jobs().forget(found)
    assert [job.id for job in await all_jobs(database)] == [ids[2]]
    await sweep(tools_of(settings, database), new_id(), Sweep(day=TODAY))
    assert [job.id for job in await all_jobs(database)] == [ids[2]]


def test_the_day_of_a_sweep_begins_at_three_in_the_morning() -> None:
    assert day_of(datetime(2026, 3, 1, 2, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert day_of(datetime(2026, 3, 1, 3, 0, tzinfo=UTC)) == TODAY
    assert job_id_of(TODAY) == job_id_of(date(2026, 3, 1)) != job_id_of(date(2026, 3, 2))


async def test_a_day_has_one_sweep_however_many_workers_promise_it(settings: Settings, app: FastAPI) -> None:
    database: Database = app.state.database
    for _ in range(3):
        await Worker(tools_of(settings, database))._say_present()
    assert [job.kind for job in await all_jobs(database)] == ["sweep"]
