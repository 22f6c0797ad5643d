"""Uploads: files that were promised, and what has arrived of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.clock import utc_now
from db.models.base import Base
from db.models.files import MAX_MEDIA_TYPE, MAX_NAME


class Upload(Base):
    """A file that was promised. Its id will be the file's; of one that came, the row stays until it expires."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index(None, "workspace_id"),
        Index(None, "owner_id", "completed_at"),
        Index(None, "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    # No foreign keys: they may go meanwhile, and whether they are there is judged when the file is.
    item_id: Mapped[UUID | None] = mapped_column(default=None)
    message_id: Mapped[UUID | None] = mapped_column(default=None)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    # The API key that it was promised with, without which it does not come.
    key_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    size: Mapped[int] = mapped_column(BigInteger)
    declared_media_type: Mapped[str | None] = mapped_column(String(MAX_MEDIA_TYPE), default=None)
    sha256: Mapped[str | None] = mapped_column(String(64), default=None)
    # What a client of tus said of it, word for word.
    tus_metadata: Mapped[str | None] = mapped_column(Text(), default=None)
    # So much of it is kept in parts, or all of it once the file is there.
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column()
    completed_at: Mapped[datetime | None] = mapped_column(default=None)


class UploadPart(Base):
    """Bytes in the store that are a part of an upload, under the names of its workspace and its own."""

    __tablename__ = "upload_parts"
    __table_args__ = (UniqueConstraint("upload_id", "start"), Index(None, "workspace_id", "size"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    upload_id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id"))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    start: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
