"""The transaction: one per REST request, per root field, per batch of a relation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from db.models.base import new_id
from db.session import ReadSession, WriteSession

if TYPE_CHECKING:
    from db.jobs.queue import Jobs

E = TypeVar("E", bound=Exception)


@dataclass
class ReadUnit:
    """One read transaction: a consistent view of the database."""

    session: ReadSession


@dataclass
class UnitOfWork(ReadUnit):
    """One write transaction. It is committed when its block ends well, else it never was.

    `last_seqs` holds, per workspace, the last number this transaction gave to a change, and `own_seqs` the same
    for the own logs of accounts; those who wait for changes are told after the commit and never before.
    `touched_users` holds the users whose rights it changed, so that their open streams are looked at then.
    `idempotency_key` is what the caller calls this request, so that it can send it again.
    """

    session: WriteSession
    jobs: "Callable[[], Jobs]"
    last_seqs: dict[UUID, int] = field(default_factory=dict)
    own_seqs: dict[UUID, int] = field(default_factory=dict)
    touched_users: set[UUID] = field(default_factory=set)
    kept: Exception | None = None
    idempotency_key: str | None = None

    def keep(self, error: E) -> E:
        """Return the error to raise, with which what was written so far is committed all the same.

        For what must be remembered although, or because, it is refused.
        """
        self.kept = error
        return error

    async def enqueue(self, kind: str, arguments: dict[str, Any], *, job_id: UUID | None = None) -> None:
        """Promise a job: it is done after the commit, however the process ends, and never after a rollback.

        An id that was used before is the same job, which is done once.
        """
        jobs, job_id = self.jobs(), job_id or new_id()
        await self.session.on_connection(lambda session: jobs.enqueue(session, kind, arguments, job_id))

    async def undo(self) -> None:
        """Begin anew, as if nothing had been done."""
        await self.session.release()
        self.last_seqs.clear()
        self.own_seqs.clear()
        self.kept = None
