"""Jobs, for administrators."""

from typing import Annotated

import strawberry

from api.schemas import jobs as schemas
from api.services import jobs
from db.models import Job as JobRow
from db.models import JobStatus
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import from_output
from graphql_schema.types import Id

Status = Annotated[JobStatus | None, strawberry.argument(description="With this status; all if absent.")]


@from_output(schemas.JobRead)
class Job:
    """A job: work that is done after the request that needs it, such as sending a mail."""


@strawberry.type
class JobQuery:
    """Reading jobs."""

    @strawberry.field(description="The jobs, for administrators, newest first.", graphql_type=Connection[Job])
    async def jobs(
        self,
        info: Info,
        status: Status = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[JobRow]:
        """Return one page of jobs."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await jobs.list_jobs(uow, info.context.actor, status, page=page)


@strawberry.type
class JobMutation:
    """Looking after jobs."""

    @strawberry.mutation(
        description="Let a job begin anew that failed, is stuck or was cancelled, for administrators.",
        graphql_type=Job,
    )
    async def retry_job(self, info: Info, id: Id) -> JobRow:
        """Let a job begin anew."""
        async with info.context.read() as uow:
            return await jobs.retry_job(uow, info.context.actor, id, database=info.context.database)

    @strawberry.mutation(
        description="Give a job up, for administrators. An attempt that is under way goes on to its end.",
        graphql_type=Job,
    )
    async def cancel_job(self, info: Info, id: Id) -> JobRow:
        """Give a job up."""
        async with info.context.read() as uow:
            return await jobs.cancel_job(uow, info.context.actor, id, database=info.context.database)
