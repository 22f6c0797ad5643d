"""Jobs: promising them, and looking after them."""

from uuid import UUID

from api.core.actor import Actor
from api.core.errors import conflict, not_found
from api.core.pages import PageArguments
from api.schemas.jobs import Work
from db.engine import Database
from db.jobs.errors import JobMovedError
from db.models import Job, JobStatus
from db.paging import Page
from db.repositories import jobs
from db.unit_of_work import ReadUnit, UnitOfWork

_OPEN = (JobStatus.WAITING, JobStatus.RUNNING)
_CANCELLABLE = (*_OPEN, JobStatus.STUCK)


async def enqueue(uow: UnitOfWork, work: Work, *, job_id: UUID | None = None) -> None:
    """Promise a piece of work: it is done if the transaction is committed, and only then."""
    await uow.enqueue(work.kind, work.model_dump(mode="json"), job_id=job_id)


async def list_jobs(uow: ReadUnit, actor: Actor, status: JobStatus | None, *, page: PageArguments) -> Page[Job]:
    """Return one page of the jobs, for administrators, newest first. Those done are kept for a week.

    Raises:
        AppError: UNAUTHENTICATED or FORBIDDEN.
    """
    actor.require_administrator()
    return await jobs.page(uow.session, page.of(jobs.NEWEST_FIRST), status)


async def retry_job(uow: ReadUnit, actor: Actor, job_id: UUID, *, database: Database) -> Job:
    """Let a job begin anew that failed, is stuck or was cancelled, for administrators.

    Raises:
        AppError: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND; CONFLICT if it is done, or still open.
    """
    job = await _find(uow, actor, job_id)
    if job.status in (*_OPEN, JobStatus.DONE):
        raise conflict(f"The job is {job.status}; only one that failed, is stuck or was cancelled begins anew.")
    # The engine writes on a connection of its own.
    await uow.session.release()
    try:
        await database.jobs().retry(job_id)
    except JobMovedError as error:
        raise conflict("Somebody else let the job begin anew at this moment.") from error
    return await _find(uow, actor, job_id)


async def cancel_job(uow: ReadUnit, actor: Actor, job_id: UUID, *, database: Database) -> Job:
    """Give a job up, for administrators. An attempt that is under way goes on to its end.

    Raises:
        AppError: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND; CONFLICT if it has ended.
    """
    job = await _find(uow, actor, job_id)
    if job.status not in _CANCELLABLE:
        raise conflict(f"The job is {job.status} already.")
    await uow.session.release()
    await database.jobs().cancel(job_id)
    return await _find(uow, actor, job_id)


async def _find(uow: ReadUnit, actor: Actor, job_id: UUID) -> Job:
    actor.require_administrator()
    job = await jobs.find(uow.session, job_id)
    if job is None:
        raise not_found("job")
    return job
