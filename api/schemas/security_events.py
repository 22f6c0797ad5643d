"""The security log."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.pages import Listing, PageQuery
from api.schemas.scalars import Uuid
from api.schemas.types import JsonAnswer, Moment, Output
from db.models import SecurityEventKind
from db.models.sessions import MAX_ADDRESS, MAX_DEVICE


class SecurityEventQuery(PageQuery):
    """Which part of the security log is wanted."""

    user_id: Annotated[Uuid | None, Field(description="About this account only.")] = None
    kind: Annotated[SecurityEventKind | None, Field(description="Of this kind only.")] = None


class SecurityEventRead(Output):
    """An entry of the security log."""

    id: Annotated[UUID, Field(description="The entry's id.")]
    at: Annotated[Moment, Field(description="When.")]
    kind: Annotated[SecurityEventKind, Field(description="What happened.")]
    user_id: Annotated[UUID | None, Field(description="Whose account it is about; null if there is no such account.")]
    actor: Annotated[str, Field(max_length=36, description="Who did it: a user's id, or `anonymous`, or `system`.")]
    address: Annotated[str | None, Field(max_length=MAX_ADDRESS, description="From where; null of the system.")]
    device: Annotated[
        str | None, Field(max_length=MAX_DEVICE, description="With what, as it says itself (`User-Agent`).")
    ]
    details: Annotated[
        JsonAnswer,
        Field(
            description="More, by kind: `session_id`, `session_ids`, `email`, `before` and `after`, `left`; of an API "
            "key `api_key_id`, `name`, `access` and `workspace_id`; of a link to a provider `issuer` and `subject`."
        ),
    ]


class SecurityEventList(Listing[SecurityEventRead]):
    """One page of the security log."""
