"""What a line of an imported or exported file says: the same rules as for new items and messages.

People are written as e-mail addresses, which mean the same person in another installation.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from api.schemas.emails import GivenEmail
from api.schemas.items import ItemCreate
from api.schemas.messages import MessageCreate
from api.schemas.types import Moment, Output
from db.models import Item, ItemStatus, Message


def _refuse(_value: object) -> None:
    raise ValueError("The workspace is chosen for the whole import, not by line")


Nowhere = Annotated[None, BeforeValidator(_refuse)]
# As large as the column holds on both databases.
Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


class ItemRecord(ItemCreate):
    """A line about an item. With a `version` it is the copy of an item from elsewhere, else a new one."""

    type: Literal["item"] = "item"
    workspace_id: Nowhere = None
    owner: GivenEmail | None = None
    assignee: GivenEmail | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    deleted_at: Moment | None = None
    version: Version | None = None


class MessageRecord(MessageCreate):
    """A line about a message."""

    type: Literal["message"]
    workspace_id: Nowhere = None
    author: GivenEmail | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    version: Version | None = None


Record = ItemRecord | MessageRecord

ITEM_KEYS = frozenset(ItemRecord.model_fields) - {"workspace_id"}
MESSAGE_KEYS = frozenset(MessageRecord.model_fields) - {"workspace_id"}


class ItemLine(Output):
    """An exported item, but for the people in it."""

    id: UUID
    title: str
    description: str
    status: ItemStatus
    priority: int
    tags: list[str]
    fields: dict[str, Any]
    due_at: Moment | None
    created_at: Moment
    updated_at: Moment
    deleted_at: Moment | None
    version: int


class MessageLine(Output):
    """An exported message, but for its author."""

    id: UUID
    item_id: UUID | None
    body: str
    created_at: Moment
    updated_at: Moment
    version: int


def item_line(item: Item, addresses: Mapping[UUID, str | None]) -> str:
    """Return the line about an item."""
    people = {
        "owner": addresses.get(item.owner_id),
        "assignee": addresses.get(item.assignee_id) if item.assignee_id else None,
    }
    return _line({"type": "item", **ItemLine.model_validate(item).model_dump(mode="json"), **people})


def message_line(message: Message, addresses: Mapping[UUID, str | None]) -> str:
    """Return the line about a message."""
    author = {"author": addresses.get(message.author_id)}
    return _line({"type": "message", **MessageLine.model_validate(message).model_dump(mode="json"), **author})


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"
