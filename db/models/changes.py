"""The change log."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.clock import utc_now
from db.models.base import Base, choice


class ChangeKind(StrEnum):
    """What happened to the entity."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"


class EntityKind(StrEnum):
    """What a change is about. A member is named by its user's id."""

    WORKSPACE = "workspace"
    MEMBER = "member"
    ITEM = "item"
    MESSAGE = "message"
    FILE = "file"


class LogEntry:
    """What the entries of all logs have."""

    at: Mapped[datetime] = mapped_column(default=utc_now)
    kind: Mapped[ChangeKind] = mapped_column(choice(ChangeKind))
    entity_id: Mapped[UUID]
    # The state after; None when the row is gone for good.
    state: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # The former values of what changed.
    changed: Mapped[dict[str, Any]] = mapped_column(JSON)


class Change(LogEntry, Base):
    """One entry of a workspace's log: history, audit, undo and replay come from this table."""

    __tablename__ = "changes"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # None is the system itself, for example an import on the command line.
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    entity: Mapped[EntityKind] = mapped_column(choice(EntityKind))
    version: Mapped[int]
