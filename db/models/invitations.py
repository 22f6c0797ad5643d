"""Invitations into a workspace: each is for an address, which need not have an account."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.clock import utc_now
from db.models.base import Base, byte_ordered, choice, new_id
from db.models.members import Role
from db.models.users import User
from db.models.workspaces import Workspace


class Invitation(Base):
    """An open invitation; one that was accepted, declined or revoked is deleted.

    There is one per workspace and address, and inviting again renews it. What is in it is written by
    whoever holds the workspace.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        Index(None, "workspace_id", "email", unique=True),
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "email", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    email: Mapped[str] = mapped_column(byte_ordered(String(254)))
    role: Mapped[Role] = mapped_column(choice(Role))
    # Who invited last, and whose right to do so the invitation lives by.
    inviter_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    # The job of the letter that counts, which is the last one; and of that letter's token a digest, once it is sent.
    letter_id: Mapped[UUID]
    digest: Mapped[str | None] = mapped_column(String(64), unique=True, default=None)
    workspace: Mapped[Workspace] = relationship(lazy="raise")
    inviter: Mapped[User] = relationship(lazy="raise")

    @property
    def workspace_name(self) -> str:
        """What the workspace is called."""
        return self.workspace.name

    @property
    def inviter_name(self) -> str:
        """What the inviter is called."""
        return self.inviter.name
