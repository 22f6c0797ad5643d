"""Two-step sign-in: the secret that an authenticator app shares with us, recovery codes, and sign-ins half done.

All of it is written by whoever holds the lock of the account.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from db.clock import utc_now
from db.models.base import Base


class TwoStep(Base):
    """What an account shares with an app. It counts once `users.two_step_since` is set; before, it is being set up."""

    __tablename__ = "two_steps"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    # Encrypted.
    secret: Mapped[bytes] = mapped_column(LargeBinary(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # The time step of the last code that was used: it and all before it count no more.
    last_step: Mapped[int | None] = mapped_column(BigInteger, default=None)


class RecoveryCode(Base):
    """A recovery code, of itself only a digest; one that was used is deleted."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)


class SignInChallenge(Base):
    """A sign-in that was given the right password and lacks its second step; one that was completed is deleted."""

    __tablename__ = "sign_in_challenges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    # Of the hash of the password that was given: another one since ends it.
    password_digest: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
