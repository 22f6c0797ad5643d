"""The log that each account has of its own: what it belongs to, and where it is asked in.

Nothing here refers to the accounts by a foreign key. Such a key would make a writer, who holds somebody's log by
then, wait for whoever changes the address of that account, and who may be waiting for the log.
"""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice
from db.models.changes import LogEntry


class OwnEntityKind(StrEnum):
    """What a change in an account's own log is about: a workspace, the account's membership there, an invitation."""

    WORKSPACE = "workspace"
    MEMBER = "member"
    INVITATION = "invitation"


class OwnLog(Base):
    """How far an account's own log goes. It comes into being with its first entry."""

    __tablename__ = "own_logs"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    # The number of the last change. Its row lock is what makes numbers follow the order of commits.
    seq: Mapped[int] = mapped_column("last_seq", BigInteger, default=0)
    # Changes up to this number were removed by retention; 0 if none were.
    trimmed_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class OwnChange(LogEntry, Base):
    """One entry of an account's own log. Of a workspace that is deleted it keeps nothing but that it was."""

    __tablename__ = "own_changes"
    __table_args__ = (Index(None, "workspace_id"),)

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    actor_id: Mapped[UUID | None]
    workspace_id: Mapped[UUID]
    entity: Mapped[OwnEntityKind] = mapped_column(choice(OwnEntityKind))
