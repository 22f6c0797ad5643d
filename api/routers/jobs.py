"""Jobs, for administrators."""

from typing import Annotated

from fastapi import Query, Request

from api.core.errors import ErrorCode
from api.dependencies import CurrentActor, Id, InstalledDatabase, Read, page_of
from api.problems import documented
from api.rest import listing, resource_router
from api.schemas.jobs import JobList, JobQuery, JobRead
from api.services import jobs

router = resource_router("jobs")

MOVING = documented(ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)


@router.get("/jobs", responses=documented(ErrorCode.FORBIDDEN))
async def list_jobs(query: Annotated[JobQuery, Query()], uow: Read, actor: CurrentActor, request: Request) -> JobList:
    """List the jobs, for administrators, newest first: mails and other work that waits for nobody."""
    page = await jobs.list_jobs(uow, actor, query.status, page=page_of(query))
    return await listing(JobList, JobRead, page, request)


@router.post("/jobs/{id}/retry", responses=MOVING)
async def retry_job(job_id: Id, uow: Read, actor: CurrentActor, database: InstalledDatabase) -> JobRead:
    """Let a job begin anew that failed, is stuck or was cancelled, for administrators."""
    return JobRead.model_validate(await jobs.retry_job(uow, actor, job_id, database=database))


@router.post("/jobs/{id}/cancel", responses=MOVING)
async def cancel_job(job_id: Id, uow: Read, actor: CurrentActor, database: InstalledDatabase) -> JobRead:
    """Give a job up, for administrators. An attempt that is under way goes on to its end."""
    return JobRead.model_validate(await jobs.cancel_job(uow, actor, job_id, database=database))
