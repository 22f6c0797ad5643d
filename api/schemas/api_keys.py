"""API keys."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BeforeValidator, Field

from api.schemas.pages import Listing
from api.schemas.scalars import Uuid
from api.schemas.types import Input, Moment, Name, Output, whole
from db.models import KeyAccess
from db.models.api_keys import MAX_START

DEFAULT_DAYS = 90
MAX_DAYS = 365


class ApiKeyCreate(Input):
    """A new API key."""

    example: ClassVar = {"name": "Nightly import"}

    name: Annotated[Name, Field(description="What it is for: 1 to 100 characters.")]
    access: Annotated[
        KeyAccess, Field(description="`read` if absent, which changes nothing; `write` may do what you may.")
    ] = KeyAccess.READ
    workspace_id: Annotated[
        Uuid | None, Field(description="The one workspace that it sees; all of yours, at any time, if absent.")
    ] = None
    expires_in_days: Annotated[
        int,
        Field(ge=1, le=MAX_DAYS, description=f"In how many days it ends: 1 to {MAX_DAYS}, {DEFAULT_DAYS} if absent."),
        BeforeValidator(whole),
    ] = DEFAULT_DAYS


class ApiKeyRead(Output):
    """An API key, which cannot be shown again."""

    id: Annotated[UUID, Field(description="The key's id.")]
    name: Annotated[str, Field(max_length=100, description="What it is for.")]
    access: Annotated[KeyAccess, Field(description="What it may do.")]
    workspace_id: Annotated[UUID | None, Field(description="The one workspace that it sees; null is all of yours.")]
    starts_with: Annotated[str, Field(max_length=MAX_START, description="How it begins, to tell which one it is.")]
    created_at: Annotated[Moment, Field(description="When you made it.")]
    expires_at: Annotated[Moment, Field(description="When it ends.")]
    last_used_at: Annotated[Moment | None, Field(description="When it was last used, to the minute; null is never.")]


class NewApiKey(ApiKeyRead):
    """A new API key, shown once."""

    key: Annotated[str, Field(max_length=44, description="Send it as `Authorization: Bearer …`, and keep it safe.")]


class ApiKeyList(Listing[ApiKeyRead]):
    """One page of API keys."""
