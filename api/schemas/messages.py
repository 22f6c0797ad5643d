"""Messages."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import MISSING, Field

from api.schemas.pages import Listing, PageQuery
from api.schemas.scalars import OR_HOME, Uuid
from api.schemas.types import MAX_BODY, Body, Input, Letters, Moment, Output, Version


class MessageSort(StrEnum):
    """Orders of messages."""

    CREATED_ASC = "created"
    CREATED_DESC = "-created"


class MessageCreate(Input):
    """A new message, in the thread of `item_id` or else in the workspace's room."""

    example: ClassVar = {"body": "Which seeds?"}

    id: Annotated[
        Uuid | None, Field(description="Choose it yourself, best a UUIDv7, and a repeated request creates no second.")
    ] = None
    workspace_id: Annotated[
        Uuid | None, Field(description=f"The room; with `item_id` that item's, else {OR_HOME}.")
    ] = None
    item_id: Annotated[Uuid | None, Field(description="The item whose thread it belongs to.")] = None
    body: Annotated[Body, Field(description="1 to 10,000 characters.")]


class MessageUpdate(Input):
    """Changes to a message; what is absent stays."""

    example: ClassVar = {"body": "Which seeds, and how many?"}

    body: Annotated[Body | MISSING, Field(description="1 to 10,000 characters.")] = MISSING


class MessageQuery(PageQuery):
    """Which messages are wanted: a thread, or else a room."""

    workspace_id: Annotated[Uuid | None, Field(description=f"The room; {OR_HOME}.")] = None
    item_id: Annotated[Uuid | None, Field(description="The item whose thread is wanted.")] = None
    sort: Annotated[MessageSort, Field(description="The order; a minus sign turns it round.")] = (
        MessageSort.CREATED_DESC
    )


class MessageRead(Output):
    """A message."""

    id: Annotated[UUID, Field(description="The message's id.")]
    workspace_id: Annotated[UUID, Field(description="Where it was written.")]
    item_id: Annotated[UUID | None, Field(description="The item whose thread it belongs to; null in the room.")]
    author_id: Annotated[UUID, Field(description="Who wrote it.")]
    body: Annotated[str, Letters(MAX_BODY), Field(max_length=MAX_BODY, description="The text.")]
    version: Annotated[Version, Field(description="Rises with each change.")]
    created_at: Annotated[Moment, Field(description="When it was written.")]
    updated_at: Annotated[Moment, Field(description="When it last changed.")]


class MessageList(Listing[MessageRead]):
    """One page of messages."""
