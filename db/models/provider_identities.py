"""Who of the sign-in provider's people has which account, and which sign-ins with it were used."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.clock import utc_now
from db.models.base import Base, byte_ordered

MAX_ISSUER = 500
MAX_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2."""


class ProviderIdentity(Base):
    """A person at a provider and the account that it signs in to, whatever its address there becomes.

    It is written by whoever holds the lock of the account.
    """

    __tablename__ = "provider_identities"
    # An address that a provider gives to somebody else must not give them the account as well.
    __table_args__ = (UniqueConstraint("user_id", "issuer"),)

    issuer: Mapped[str] = mapped_column(byte_ordered(String(MAX_ISSUER)), primary_key=True)
    subject: Mapped[str] = mapped_column(byte_ordered(String(MAX_SUBJECT)), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class UsedOidcSignIn(Base):
    """A sign-in with the provider whose person is known, so that it counts no more."""

    __tablename__ = "used_oidc_sign_ins"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # Until when it would have counted: after that it needs not be remembered.
    expires_at: Mapped[datetime] = mapped_column(index=True)
