"""Items."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import MISSING, BeforeValidator, Field

from api.schemas.pages import Listing, PageQuery
from api.schemas.scalars import OR_HOME, AsWhole, Switch, Uuid, parse_uuid
from api.schemas.types import (
    MAX_DESCRIPTION,
    MAX_FIELDS_BYTES,
    AtMost,
    Description,
    Input,
    JsonAnswer,
    JsonObject,
    Letters,
    Moment,
    Output,
    Priority,
    SearchText,
    Tag,
    Tags,
    Title,
    Version,
)
from db.models import ItemStatus

ITEM_ID = "Choose it yourself, best a UUIDv7, and a repeated request creates no second."


Level = Annotated[int, Field(ge=0, le=4), AsWhole]


class ItemSort(StrEnum):
    """Orders of items; items without a due date come last either way."""

    CREATED_ASC = "created"
    CREATED_DESC = "-created"
    UPDATED_ASC = "updated"
    UPDATED_DESC = "-updated"
    DUE_ASC = "due"
    DUE_DESC = "-due"
    PRIORITY_ASC = "priority"
    PRIORITY_DESC = "-priority"
    TITLE_ASC = "title"
    TITLE_DESC = "-title"


class ItemCreate(Input):
    """A new item."""

    example: ClassVar = {
        "title": "Buy seeds",
        "tags": ["garden"],
        "fields": {"bed": 3},
        "due_at": "2026-03-01T08:00:00Z",
    }

    id: Annotated[Uuid | None, Field(description=ITEM_ID)] = None
    workspace_id: Annotated[Uuid | None, Field(description=f"Where; {OR_HOME}.")] = None
    title: Annotated[Title, Field(description="1 to 200 characters.")]
    description: Annotated[Description, Field(description="Up to 20,000 characters; empty if absent.")] = ""
    status: Annotated[ItemStatus, Field(description="How far it is; `open` if absent.")] = ItemStatus.OPEN
    priority: Annotated[Priority, Field(description="0 (none) to 4 (urgent); 0 if absent.")] = 0
    tags: Annotated[Tags, Field(description="Up to 20, each up to 50 characters.")] = []
    fields: Annotated[JsonObject, Field(description="Whatever else you keep: a JSON object up to 16 KiB.")] = {}
    assignee_id: Annotated[Uuid | None, Field(description="The member who shall do it.")] = None
    due_at: Annotated[Moment | None, Field(description="When it shall be done.")] = None


class ItemUpdate(Input):
    """Changes to an item; what is absent stays, null empties where null is allowed."""

    example: ClassVar = {"status": "in_progress", "priority": 2}

    title: Annotated[Title | MISSING, Field(description="1 to 200 characters.")] = MISSING
    description: Annotated[Description | MISSING, Field(description="Up to 20,000 characters.")] = MISSING
    status: Annotated[ItemStatus | MISSING, Field(description="How far it is.")] = MISSING
    priority: Annotated[Priority | MISSING, Field(description="0 (none) to 4 (urgent).")] = MISSING
    tags: Annotated[Tags | MISSING, Field(description="Replaces all tags.")] = MISSING
    fields: Annotated[JsonObject | MISSING, Field(description="Replaces the whole object.")] = MISSING
    assignee_id: Annotated[Uuid | MISSING | None, Field(description="A member, or null for nobody.")] = MISSING
    due_at: Annotated[Moment | MISSING | None, Field(description="A time, or null for none.")] = MISSING


def _assignee(value: object) -> UUID | Literal["none"]:
    """Return whom a filter names: null in JSON, and `none` in a query string, is nobody, which absent is not."""
    return "none" if value is None or value == "none" else parse_uuid(value)


class ItemFilter(Input):
    """What items must fulfil; conditions add up. Null is no condition, except as the assignee."""

    status: Annotated[Annotated[list[ItemStatus], AtMost(10)] | None, Field(description="One of these.")] = None
    assignee_id: Annotated[
        UUID | Literal["none"] | None,
        BeforeValidator(_assignee),
        Field(description="Assigned to this user, or to nobody: `none` in a query string, null in GraphQL."),
    ] = None
    owner_id: Annotated[Uuid | None, Field(description="Made by this user.")] = None
    tag: Annotated[Tag | None, Field(description="Carries exactly this tag.")] = None
    priority_from: Annotated[Level | None, Field(description="This priority or higher.")] = None
    priority_to: Annotated[Level | None, Field(description="This priority or lower.")] = None
    created_from: Annotated[Moment | None, Field(description="Made then or later.")] = None
    created_to: Annotated[Moment | None, Field(description="Made before.")] = None
    updated_from: Annotated[Moment | None, Field(description="Changed then or later.")] = None
    updated_to: Annotated[Moment | None, Field(description="Changed before.")] = None
    due_from: Annotated[Moment | None, Field(description="Due then or later.")] = None
    due_to: Annotated[Moment | None, Field(description="Due before.")] = None
    text: Annotated[
        SearchText | None, Field(description="Title or description contains this, in any case of letters.")
    ] = None
    trashed: Annotated[Switch, Field(description="List the trash instead.")] = False


class ItemQuery(ItemFilter, PageQuery):
    """Which items are wanted."""

    workspace_id: Annotated[Uuid | None, Field(description=f"Where; {OR_HOME}.")] = None
    sort: Annotated[ItemSort, Field(description="The order; a minus sign turns it round.")] = ItemSort.CREATED_DESC


class ItemRead(Output):
    """An item."""

    id: Annotated[UUID, Field(description="The item's id.")]
    workspace_id: Annotated[UUID, Field(description="Where it is.")]
    owner_id: Annotated[UUID, Field(description="Who made it.")]
    assignee_id: Annotated[UUID | None, Field(description="Who shall do it.")]
    title: Annotated[str, Field(max_length=200, description="What it is called.")]
    description: Annotated[
        str, Letters(MAX_DESCRIPTION), Field(max_length=MAX_DESCRIPTION, description="What it is about.")
    ]
    status: Annotated[ItemStatus, Field(description="How far it is.")]
    priority: Annotated[int, Field(ge=0, le=4, description="0 (none) to 4 (urgent).")]
    tags: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=20, description="Its tags.")]
    fields: Annotated[JsonAnswer, Letters(MAX_FIELDS_BYTES), Field(description="Whatever else you keep.")]
    due_at: Annotated[Moment | None, Field(description="When it shall be done.")]
    version: Annotated[Version, Field(description="Rises with each change; see `If-Match` and `expectedVersion`.")]
    created_at: Annotated[Moment, Field(description="When it was made.")]
    updated_at: Annotated[Moment, Field(description="When it last changed.")]
    deleted_at: Annotated[Moment | None, Field(description="When it was moved to the trash.")]


class ItemList(Listing[ItemRead]):
    """One page of items."""
