"""The jobs of a database: promised, given up, tried again, forgotten. Nothing runs here."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dbos import error as dbos_errors
from sqlalchemy import URL
from sqlalchemy.orm import Session

from db.jobs import engine
from db.jobs.engine import APPLICATION, QUEUE, VERSION, in_thread
from db.jobs.errors import JobMovedError


class Jobs:
    """Writes jobs into a database. No connection is opened before one is needed."""

    def __init__(self, url: URL) -> None:
        engine.quieten()
        self._engine = engine.job_engine(url)
        self._client = engine.job_client(self._engine)

    async def migrate(self) -> None:
        """Create the tables of DBOS, or bring them up to date. Several may try at once."""
        # The public way takes a URL instead of an engine, and with it settings that are not ours.
        await in_thread(self._client._sys_db.run_migrations)  # noqa: SLF001

    def enqueue(self, session: Session, kind: str, arguments: dict[str, Any], job_id: UUID) -> None:
        """Write a job on the connection of a transaction, with which it comes to be or not.

        An id that was used before is the same job, which is written once.
        """
        self._client.enqueue_in_transaction(
            session,
            {
                "workflow_name": kind,
                "queue_name": QUEUE,
                "workflow_id": str(job_id),
                "app_version": VERSION,
                "application_name": APPLICATION,
            },
            arguments,
        )

    async def retry(self, job_id: UUID) -> None:
        """Let a job that has ended begin anew, under the same id.

        Raises:
            JobMovedError: it has not ended.
        """

        def rewind() -> None:
            try:
                self._client.rewind_workflow(str(job_id), application_version=VERSION, queue_name=QUEUE)
            except dbos_errors.DBOSException as error:
                raise JobMovedError from error

        await in_thread(rewind)

    async def cancel(self, job_id: UUID) -> None:
        """Give a job up, unless it has ended. What it does at this moment, it does to the end."""
        await in_thread(lambda: self._client.cancel_workflow(str(job_id)))

    async def forget(self, job_ids: Sequence[UUID]) -> None:
        """Remove jobs for good."""
        await in_thread(lambda: self._client.delete_workflows([str(job_id) for job_id in job_ids]))

    def dispose(self) -> None:
        """Close all connections."""
        self._client.destroy()
        self._engine.dispose()
