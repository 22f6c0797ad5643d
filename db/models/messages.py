"""Messages."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Edited, new_id


class Message(Edited, Base):
    """Text in a workspace's room (no `item_id`) or in the thread of one item."""

    __tablename__ = "messages"
    __table_args__ = (
        Index(None, "workspace_id", "item_id", "created_at", "id"),
        Index(None, "item_id", "created_at", "id"),
        Index(None, "author_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("items.id"), default=None)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
