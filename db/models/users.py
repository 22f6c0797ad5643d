"""Accounts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column, query_expression

from db.models.base import Base, Edited, byte_ordered, choice, new_id


class UserRole(StrEnum):
    """What an account may do to other accounts: a `member` nothing, an `admin` everything."""

    MEMBER = "member"
    ADMIN = "admin"


class User(Edited, Base):
    """A person. A deleted one keeps its row, emptied of what is personal, so that history keeps its author."""

    __tablename__ = "users"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str | None] = mapped_column(byte_ordered(String(254)), unique=True)
    # When its owner last proved to read it.
    email_verified_at: Mapped[datetime | None] = mapped_column(default=None)
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    # Since when signing in takes a second step; None if it does not.
    two_step_since: Mapped[datetime | None] = mapped_column(default=None)
    role: Mapped[UserRole] = mapped_column(choice(UserRole), default=UserRole.MEMBER)
    disabled: Mapped[bool] = mapped_column(default=False)
    # Whether it wants a mail when somebody lets it in somewhere, takes it out, or gives it another role.
    membership_mails: Mapped[bool] = mapped_column(server_default=false())
    personal_workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id"), unique=True)
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
    # The number of the last change in its own log, where a query asks for it.
    seq: Mapped[int | None] = query_expression()
