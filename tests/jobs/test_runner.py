"""How a job is done: attempts, pauses, dead letters, and jobs that others left."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from db.engine import Database
from db.jobs.errors import HopelessError
from db.jobs.runner import Handler, JobRunner, spread
from db.models import Job, JobStatus
from db.models.base import new_id
from db.repositories import jobs
from tests.jobs.waiting import until

SOON = 0.01
NEVER = 3600.0


@asynccontextmanager
async def runner(
    database: Database, handlers: Mapping[str, Handler], *pauses: float, name: str = "worker"
) -> AsyncIterator[JobRunner]:
    """Do jobs around a block."""
    one = JobRunner(database.url, name, handlers, pauses, at_once=10)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


async def promise(database: Database, kind: str, **arguments: Any) -> UUID:
    job_id = new_id()
    async with database.write() as uow:
        await uow.enqueue(kind, arguments, job_id=job_id)
    return job_id


async def job_that(database: Database, job_id: UUID, fits: Callable[[Job], bool]) -> Job:
    """Wait until a job is as it should be, and return it."""

    async def look() -> Job | None:
        async with database.read() as uow:
            job = await jobs.find(uow.session, job_id)
        return job if job is not None and fits(job) else None

    return await until(look)


def has(status: JobStatus) -> Callable[[Job], bool]:
    return lambda job: job.status is status


class Work:
    """A handler that fails so many times, and remembers what it was told."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.calls: list[tuple[UUID, dict[str, Any]]] = []
        self._failures = failures
        self._error = error or OSError("the line is dead")

    async def __call__(self, job_id: UUID, arguments: dict[str, Any]) -> None:
        self.calls.append((job_id, arguments))
        if len(self.calls) <= self._failures:
            raise self._error


async def test_a_job_that_fails_is_tried_again_until_it_succeeds(database: Database) -> None:
    work = Work(failures=2)
    async with runner(database, {"work": work}, SOON, SOON, NEVER):
        job_id = await promise(database, "work", number=7, name="Ünal")
        job = await job_that(database, job_id, has(JobStatus.DONE))
    assert work.calls == [(job_id, {"number": 7, "name": "Ünal"})] * 3
    assert (job.attempts, job.error) == (3, None)
    assert job.finished_at is not None


async def test_a_job_that_keeps_failing_is_a_dead_letter_until_somebody_lets_it_begin_anew(database: Database) -> None:
    work = Work(failures=2)
    async with runner(database, {"work": work}, SOON):
        job_id = await promise(database, "work")
        dead = await job_that(database, job_id, has(JobStatus.FAILED))
        assert (dead.attempts, dead.error) == (2, "OSError: the line is dead")
        await database.jobs().retry(job_id)
        job = await job_that(database, job_id, has(JobStatus.DONE))
    assert (job.id, job.attempts, job.error) == (job_id, 1, None)
    assert len(work.calls) == 3


async def test_what_is_hopeless_is_tried_once(database: Database) -> None:
    work = Work(failures=9, error=HopelessError("nobody lives there"))
    async with runner(database, {"work": work}, SOON, SOON):
        job_id = await promise(database, "work")
        job = await job_that(database, job_id, has(JobStatus.FAILED))
    assert (job.attempts, job.error, len(work.calls)) == (1, "nobody lives there", 1)


async def test_a_job_that_is_cancelled_between_two_attempts_is_not_tried_again(database: Database) -> None:
    work, later = Work(failures=9), Work(failures=1)
    async with runner(database, {"work": work, "later": later}, 1.0):
        job_id = await promise(database, "work")
        await job_that(database, job_id, lambda job: job.attempts == 1)
        await database.jobs().cancel(job_id)
        # Whose pause began later, has waited longer when its second attempt is done.
        other = await promise(database, "later")
        await job_that(database, other, has(JobStatus.DONE))
    job = await job_that(database, job_id, has(JobStatus.CANCELLED))
    assert (job.attempts, len(work.calls)) == (1, 1)


async def test_a_pause_is_over_when_it_would_have_been_whoever_goes_on(database: Database) -> None:
    """What was tried is not tried again at once by who takes a job over."""
    first, second = Work(failures=1), Work()
    async with runner(database, {"work": first}, NEVER, name="first"):
        job_id = await promise(database, "work")
        await job_that(database, job_id, lambda job: job.attempts == 1)
    async with runner(database, {"work": second, "other": Work()}, NEVER, name="second") as one:
        assert await one.workers_with_jobs() == {"first"}
        assert await one.take_over({"first"}) == 1
        await job_that(database, job_id, has(JobStatus.RUNNING))
        assert await one.workers_with_jobs() == {"second"}
        other = await promise(database, "other")
        await job_that(database, other, has(JobStatus.DONE))
    assert (len(first.calls), second.calls) == (1, [])


async def test_what_was_interrupted_begins_again_elsewhere_and_nothing_else_does(database: Database) -> None:
    begun, again = asyncio.Event(), Work()

    async def hang(_job_id: UUID, _arguments: dict[str, Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with runner(database, {"work": hang}, name="first"):
        job_id = await promise(database, "work", number=1)
        await begun.wait()
    async with runner(database, {"work": again}, name="second") as one:
        assert await one.take_over({"third"}) == 0
        assert await one.take_over({"first"}) == 1
        assert await one.take_over({"first"}) == 0
        job = await job_that(database, job_id, has(JobStatus.DONE))
    assert again.calls == [(job_id, {"number": 1})]
    assert job.attempts == 1


@pytest.mark.parametrize(("beginnings", "status"), [(20, JobStatus.DONE), (21, JobStatus.STUCK)])
async def test_a_job_that_killed_whoever_began_it_is_left_alone(
    database: Database, beginnings: int, status: JobStatus
) -> None:
    work = Work()
    job_id = await promise(database, "work")
    table = "workflow_status" if database.is_sqlite else "dbos.workflow_status"
    async with database.engines[0].begin() as connection:
        await connection.execute(text(f"UPDATE {table} SET recovery_attempts = {beginnings}"))  # noqa: S608 - ours
    async with runner(database, {"work": work}):
        await job_that(database, job_id, has(status))
    assert len(work.calls) == (status is JobStatus.DONE)


def test_what_failed_together_is_not_tried_together() -> None:
    pauses = {spread(60.0) for _ in range(100)}
    assert len(pauses) == 100
    assert 45.0 <= min(pauses) < 55.0
    assert 65.0 < max(pauses) <= 75.0


async def test_the_server_goes_on_after_its_runner(database: Database) -> None:
    """The runner's library would take the executor of every thread along."""
    async with runner(database, {"work": Work()}):
        pass
    assert await asyncio.to_thread(lambda: "alive") == "alive"


async def test_no_more_than_ten_are_done_at_once(database: Database) -> None:
    at_work, most, all_in = 0, 0, asyncio.Event()

    async def work(_job_id: UUID, _arguments: dict[str, Any]) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        if at_work == 10:
            all_in.set()
        await all_in.wait()
        at_work -= 1

    async with runner(database, {"work": work}):
        ids = [await promise(database, "work") for _ in range(25)]
        for job_id in ids:
            await job_that(database, job_id, has(JobStatus.DONE))
    assert most == 10
