"""Tokens that were sent by mail."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice


class MailPurpose(StrEnum):
    """What a token is good for, and nothing else."""

    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a purpose
    EMAIL_CHANGE = "email_change"


class MailToken(Base):
    """A token that was sent; of itself only a digest. Its id is that of the job that sent it."""

    __tablename__ = "mail_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[MailPurpose] = mapped_column(choice(MailPurpose))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    # The address it was sent to, which is the one that it proves.
    email: Mapped[str] = mapped_column(String(254))
    # Of the hash of the password that was then: one that was changed since ends it.
    password_digest: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None] = mapped_column(default=None)
