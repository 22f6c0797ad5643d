"""Items: what a team shares."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Connection, ForeignKey, Index, SmallInteger, String, Text, event, text
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from db.models.base import Base, Edited, JsonObject, byte_ordered, choice, new_id

_IN_TRASH = text("deleted_at IS NOT NULL")


class ItemStatus(StrEnum):
    """How far an item is."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"


class Item(Edited, Base):
    """A thing a team shares. With `deleted_at` it lies in the trash."""

    __tablename__ = "items"
    __table_args__ = (
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "workspace_id", "updated_at", "id"),
        Index(None, "workspace_id", "due_at", "id"),
        Index(None, "workspace_id", "priority", "id"),
        Index(None, "workspace_id", "title_key", "id"),
        Index(None, "owner_id"),
        Index(None, "assignee_id"),
        # The trash alone, for what looks through all of it at night.
        Index(None, "deleted_at", sqlite_where=_IN_TRASH, postgresql_where=_IN_TRASH),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), default=None)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[ItemStatus] = mapped_column(choice(ItemStatus), default=ItemStatus.OPEN)
    priority: Mapped[int] = mapped_column(SmallInteger, default=0)
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    fields: Mapped[dict[str, Any]] = mapped_column(JsonObject, default=dict)
    due_at: Mapped[datetime | None] = mapped_column(default=None)
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
    # Folded copies: the two databases disagree about upper and lower case outside ASCII.
    title_key: Mapped[str] = mapped_column(byte_ordered(Text()), default="")
    search_text: Mapped[str] = mapped_column(Text, default="")


def fold(text: str) -> str:
    """Return the text as it is compared: without regard to case (Unicode, section 3.13)."""
    return text.casefold()


@event.listens_for(Item, "before_insert")
@event.listens_for(Item, "before_update")
def _fold_texts(_mapper: Mapper[Item], _connection: Connection, item: Item) -> None:
    item.title_key = fold(item.title)
    item.search_text = fold(f"{item.title}\n{item.description or ''}")
