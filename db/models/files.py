"""Files: what was uploaded, and the bytes behind it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from db.clock import utc_now
from db.models.base import Base, Edited, JsonObject, byte_ordered, new_id
from db.models.items import fold

MAX_NAME = 255
MAX_MEDIA_TYPE = 127
"""Characters of a type and of a subtype together (RFC 6838, section 4.2)."""

_IN_TRASH = text("deleted_at IS NOT NULL")


class Blob(Base):
    """Bytes in the store, under the names of its workspace and its own. Files with equal bytes share one."""

    __tablename__ = "blobs"
    __table_args__ = (
        UniqueConstraint("workspace_id", "sha256"),
        # All that is summed up for the quota is in the index.
        Index(None, "workspace_id", "size"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Thumbnails(Base):
    """What was made of bytes that are a picture, all in one piece of the store; nothing if none could be made."""

    __tablename__ = "thumbnails"
    __table_args__ = (Index(None, "workspace_id"),)

    blob_id: Mapped[UUID] = mapped_column(ForeignKey("blobs.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    # Under this name they are in the store.
    stored_id: Mapped[UUID | None] = mapped_column(unique=True, default=None)
    parts: Mapped[dict[str, Any]] = mapped_column(JsonObject)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class File(Edited, Base):
    """A file of a workspace, of one of its items, or of a message. With `deleted_at` it lies in the trash.

    The file of a message belongs to the item whose thread the message is in, too.
    """

    __tablename__ = "files"
    __table_args__ = (
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "workspace_id", "name_key", "id"),
        Index(None, "workspace_id", "size", "id"),
        Index(None, "item_id", "created_at", "id"),
        Index(None, "message_id", "created_at", "id"),
        Index(None, "owner_id"),
        Index(None, "blob_id"),
        Index(None, "deleted_at", sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("items.id"), default=None)
    message_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id"), default=None)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    blob_id: Mapped[UUID] = mapped_column(ForeignKey("blobs.id"))
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    size: Mapped[int] = mapped_column(BigInteger)
    # What the bytes say, and what the client said.
    media_type: Mapped[str] = mapped_column(String(MAX_MEDIA_TYPE))
    declared_media_type: Mapped[str | None] = mapped_column(String(MAX_MEDIA_TYPE), default=None)
    sha256: Mapped[str] = mapped_column(String(64))
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
    name_key: Mapped[str] = mapped_column(byte_ordered(Text()), default="")


@event.listens_for(File, "before_insert")
@event.listens_for(File, "before_update")
def _fold_name(_mapper: Mapper[File], _connection: Connection, file: File) -> None:
    file.name_key = fold(file.name)
