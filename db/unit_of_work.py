"""The transaction: one per REST request, per root field, per batch of a relation."""

from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from db.session import ReadSession, WriteSession

E = TypeVar("E", bound=Exception)


@dataclass
class ReadUnit:
    """One read transaction: a consistent view of the database."""

    session: ReadSession


@dataclass
class UnitOfWork(ReadUnit):
    """One write transaction. It is committed when its block ends well, else it never was.

    `last_seqs` holds, per workspace, the last number this transaction gave to a change; those who
    wait for changes are told after the commit and never before. `touched_users` holds the users
    whose rights it changed, so that their open streams are looked at then.
    """

    session: WriteSession
    last_seqs: dict[UUID, int] = field(default_factory=dict)
    touched_users: set[UUID] = field(default_factory=set)
    kept: Exception | None = None

    def keep(self, error: E) -> E:
        """Return the error to raise, with which what was written so far is committed all the same.

        For what must be remembered although, or because, it is refused.
        """
        self.kept = error
        return error
