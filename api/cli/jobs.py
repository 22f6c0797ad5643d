"""`twofold worker`, `twofold jobs` and `twofold outbox`."""

import asyncio
import signal
from typing import Annotated
from uuid import UUID

import structlog
import typer
from rich.console import Console
from rich.table import Column, Table

from api.config import Settings, load_settings
from api.core.actor import SYSTEM
from api.core.pages import PageArguments
from api.server.logs import configure_logging
from api.server.startup import prepare_database, prepare_store, run_with_database
from api.server.working import working
from api.services import jobs as service
from api.services.outbox import list_outbox
from db.engine import Database
from db.models import Job, JobStatus

WORKER_HELP = "Do jobs, beside the servers of an installation with JOBS=workers."
OUTBOX_HELP = "Show the mails that were delivered nowhere, as there is no SMTP_URL."

jobs_app = typer.Typer(no_args_is_help=True, help="Look after the jobs: mails, and what else waits for nobody.")
out = Console(highlight=False)

JobId = Annotated[UUID, typer.Argument(help="The job's id, as `twofold jobs list` shows it.")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="How many at most.")]


def worker_command() -> None:
    """Do jobs until a signal ends it."""
    settings = load_settings().model_copy(update={"jobs": "here"})
    configure_logging(settings)
    run_with_database(settings, _work)


async def _work(settings: Settings, database: Database) -> None:
    await prepare_database(settings, database)
    await prepare_store(settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with working(settings, database):
        structlog.get_logger("twofold").info("worker started")
        await stop.wait()
    structlog.get_logger("twofold").info("worker stopped")


@jobs_app.command("list")
def list_command(
    status: Annotated[JobStatus | None, typer.Option(help="With this status; all if not given.")] = None,
    limit: Limit = 20,
) -> None:
    """List jobs, the newest first."""

    async def work(_settings: Settings, database: Database) -> None:
        async with database.read() as uow:
            page = await service.list_jobs(uow, SYSTEM, status, page=PageArguments(limit))
        table = Table(Column("id", no_wrap=True, min_width=36), "kind", "status", "attempts", "created", "error")
        for job in page.rows:
            created = f"{job.created_at:%Y-%m-%d %H:%M:%S}"
            table.add_row(str(job.id), job.kind, job.status, str(job.attempts), created, job.error or "")
        out.print(table)

    run_with_database(load_settings(), work)


@jobs_app.command("retry")
def retry_command(job_id: JobId) -> None:
    """Let a job begin anew that failed, is stuck or was cancelled."""

    async def work(_settings: Settings, database: Database) -> None:
        async with database.read() as uow:
            _tell(await service.retry_job(uow, SYSTEM, job_id, database=database))

    run_with_database(load_settings(), work)


@jobs_app.command("cancel")
def cancel_command(job_id: JobId) -> None:
    """Give a job up."""

    async def work(_settings: Settings, database: Database) -> None:
        async with database.read() as uow:
            _tell(await service.cancel_job(uow, SYSTEM, job_id, database=database))

    run_with_database(load_settings(), work)


def _tell(job: Job) -> None:
    out.print(f"The job {job.id} is {job.status} now.", markup=False)


def outbox_command(limit: Limit = 10) -> None:
    """Show the outbox, the newest mail first."""

    async def work(_settings: Settings, database: Database) -> None:
        async with database.read() as uow:
            mails = await list_outbox(uow, SYSTEM, limit=limit)
        for mail in mails:
            out.rule(f"{mail.created_at:%Y-%m-%d %H:%M:%S}", align="left")
            print(f"To: {mail.recipient}\nSubject: {mail.subject}\nMessage-ID: {mail.message_id}\n\n{mail.text}")
        if not mails:
            out.print("The outbox is empty.")

    run_with_database(load_settings(), work)
