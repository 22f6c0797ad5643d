"""Sessions: one for each sign-in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, query_expression

from db.clock import utc_now
from db.models.base import Base, new_id

MAX_DEVICE = 200
"""Characters of a device's description that are kept."""

MAX_ADDRESS = 45
"""The longest text of an IPv6 address (RFC 4291, section 2.2, with an IPv4 address at its end)."""


class UserSession(Base):
    """A user signed in somewhere. Access tokens name it and end with it; an ended one is deleted.

    `address` and `device` are those of the last refresh.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    device: Mapped[str | None] = mapped_column(String(MAX_DEVICE))
    address: Mapped[str | None] = mapped_column(String(MAX_ADDRESS))
    # SHA-256 of the refresh token that counts at present.
    refresh_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    # Whether it is the one that asks; only a list says so.
    current: Mapped[bool] = query_expression()
