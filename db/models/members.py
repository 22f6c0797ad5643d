"""Who belongs to a workspace, and as what."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Edited, choice
from db.models.users import User


class Role(StrEnum):
    """A `viewer` reads, an `editor` also writes items and messages, an `admin` also members and settings."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Member(Edited, Base):
    """One user in one workspace."""

    __tablename__ = "members"
    __table_args__ = (Index(None, "workspace_id", "created_at", "user_id"), Index(None, "user_id"))

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(choice(Role))
    user: Mapped[User] = relationship(lazy="raise")

    @property
    def name(self) -> str:
        """The name of the person."""
        return self.user.name
