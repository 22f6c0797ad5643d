"""A job is promised with the transaction, or not at all."""

import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from api.schemas.jobs import LetterKind, SendMail
from api.services.jobs import enqueue
from db.engine import Database
from db.models import Job, JobStatus
from db.models.base import new_id
from db.paging import PageRequest
from db.repositories import jobs

WORK = SendMail(letter=LetterKind.WELCOME, user_id=UUID(int=7))


async def all_jobs(database: Database) -> list[Job]:
    async with database.read() as uow:
        page = await jobs.page(uow.session, PageRequest(jobs.NEWEST_FIRST, 100, with_total=True), None)
    assert page.total == len(page.rows)
    return list(page.rows)


async def test_a_job_is_there_once_its_transaction_is_committed(database: Database) -> None:
    job_id = new_id()
    async with database.write() as uow:
        await enqueue(uow, WORK, job_id=job_id)
        assert await all_jobs(database) == []
    (job,) = await all_jobs(database)
    assert (job.id, job.kind, job.status, job.attempts, job.error) == (job_id, "send_mail", JobStatus.WAITING, 0, None)
    assert job.finished_at is None


async def test_a_transaction_that_fails_promises_nothing(database: Database) -> None:
    async def promise_and_fail() -> None:
        async with database.write() as uow:
            await enqueue(uow, WORK)
            raise LookupError

    with pytest.raises(LookupError):
        await promise_and_fail()
    assert await all_jobs(database) == []


async def test_the_same_id_is_the_same_job(database: Database) -> None:
    job_id = new_id()
    for _ in range(2):
        async with database.write() as uow:
            await enqueue(uow, WORK, job_id=job_id)
    assert [job.id for job in await all_jobs(database)] == [job_id]


async def test_a_promise_is_two_statements(database: Database) -> None:
    """A row and its input."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.extend(re.findall(r"^INSERT INTO (?:main\.|dbos\.)?(\w+)", statement))

    event.listen(database.engines[0].sync_engine, "before_cursor_execute", note)
    async with database.write() as uow:
        await enqueue(uow, WORK)
    assert said == ["workflow_status", "workflow_input"]
