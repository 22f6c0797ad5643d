"""API keys: how programs call on behalf of a user."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from db.clock import utc_now
from db.models.base import Base, choice, new_id

MAX_START = 12
"""Characters of a key that are kept, so that its owner can tell which one turned up somewhere."""


class KeyAccess(StrEnum):
    """What an API key may do: `read` changes nothing, `write` changes what its user may change."""

    READ = "read"
    WRITE = "write"


class ApiKey(Base):
    """A key of a user. A revoked one is deleted; an expired one stays for a while, to be seen."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "user_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(100))
    access: Mapped[KeyAccess] = mapped_column(choice(KeyAccess))
    # The one workspace that it is for; None is all of its user's.
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id"))
    starts_with: Mapped[str] = mapped_column(String(MAX_START))
    # SHA-256 of its text.
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
