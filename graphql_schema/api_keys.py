"""API keys, for one's own programs."""

from typing import Annotated

import strawberry

from api.schemas import api_keys as schemas
from api.services import api_keys
from db.models import ApiKey as ApiKeyRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.types import INPUT, Deleted, Id


@from_output(schemas.ApiKeyRead)
class ApiKey:
    """An API key, which cannot be shown again."""


@from_output(schemas.NewApiKey)
class NewApiKey:
    """A new API key, shown once."""


@from_input(schemas.ApiKeyCreate)
class ApiKeyCreate(ModelInput[schemas.ApiKeyCreate]):
    """A new API key."""


@strawberry.type
class ApiKeyQuery:
    """Reading API keys."""

    @strawberry.field(
        description="Your API keys, newest first, and for a month those that have expired.",
        graphql_type=Connection[ApiKey],
    )
    async def api_keys(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Page[ApiKeyRow]:
        """Return one page of API keys."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await api_keys.list_api_keys(uow, info.context.actor, page=page)


@strawberry.type
class ApiKeyMutation:
    """Making and ending API keys."""

    @strawberry.mutation(
        description="Make an API key for a program of yours. Its text is shown this once. The program sends it instead "
        "of an access token and is you with less: it reads, or reads and writes, all your workspaces or the one that "
        "you name, and never touches accounts, sessions or keys."
    )
    async def create_api_key(self, info: Info, input: Annotated[ApiKeyCreate, INPUT]) -> NewApiKey:
        """Make a key."""
        data = input.to_model()
        async with info.context.write() as uow:
            key = await api_keys.create_api_key(uow, info.context.actor, data)
        return NewApiKey(**key.model_dump())

    @strawberry.mutation(description="End one of your API keys, its streams included, at once and on every server.")
    async def revoke_api_key(self, info: Info, id: Id) -> Deleted:
        """End a key."""
        async with info.context.write() as uow:
            await api_keys.revoke_api_key(uow, info.context.actor, id)
        return Deleted(deleted_id=strawberry.ID(str(id)))
