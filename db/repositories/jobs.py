"""Queries on jobs. Writing them is `db.jobs`' business."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select, select

from db.models import Job, JobStatus
from db.models.jobs import SCHEMA
from db.paging import Page, PageRequest, Sort, fetch_page
from db.session import ReadSession

T = TypeVar("T")

NEWEST_FIRST: Sort[Job] = Sort("created_desc", Job.created_at, Job.id, descending=True)


def _placed(session: ReadSession, statement: Select[T]) -> Select[T]:
    """Return the statement on the tables where they are: SQLite has no schemas."""
    return statement.execution_options(schema_translate_map={SCHEMA: None}) if session.is_sqlite else statement


async def find(session: ReadSession, job_id: UUID) -> Job | None:
    """Return a job as it is now."""
    statement = select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    return await session.one_or_none(_placed(session, statement))


async def page(session: ReadSession, request: PageRequest[Job], status: JobStatus | None) -> Page[Job]:
    """Return one page of all jobs, or of those with a status."""
    statement = select(Job)
    if status is not None:
        statement = statement.where(Job.status == status)
    return await fetch_page(session, _placed(session, statement), request)


async def open_among(session: ReadSession, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the jobs that wait to be done or are being done."""
    open_ones = (JobStatus.WAITING, JobStatus.RUNNING)
    found = select(Job.id).where(Job.id.in_(ids), Job.status.in_(open_ones))
    return set(await session.all(_placed(session, found)))


async def ended_before(
    session: ReadSession, moment: datetime, statuses: Sequence[JobStatus], limit: int, *, kind: str | None = None
) -> list[UUID]:
    """Return some of the jobs, of one kind or any, that ended with one of the statuses before a moment."""
    statement = select(Job.id).where(Job.status.in_(statuses), Job.finished_at < moment).limit(limit)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    return list(await session.all(_placed(session, statement)))
