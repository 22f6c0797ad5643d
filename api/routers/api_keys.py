"""API keys, for one's own programs."""

from typing import Annotated

from fastapi import Query, Request, status

from api.core.errors import ErrorCode
from api.dependencies import CurrentActor, Id, Read, Write, WriteAnew, page_of
from api.problems import documented
from api.rest import CHANGING, GUARDED, listing, resource_router
from api.schemas.api_keys import ApiKeyCreate, ApiKeyList, ApiKeyRead, NewApiKey
from api.schemas.pages import PageQuery
from api.services import api_keys

router = resource_router("auth")


@router.post("/auth/api-keys", status_code=status.HTTP_201_CREATED, responses=CHANGING)
async def create_api_key(data: ApiKeyCreate, uow: WriteAnew, actor: CurrentActor) -> NewApiKey:
    """Make an API key for a program of yours. Its text is shown this once.

    A program sends it instead of an access token and is you with less: it reads, or reads and writes, all your
    workspaces or the one that you name, and never touches accounts, sessions or keys.
    """
    return await api_keys.create_api_key(uow, actor, data)


@router.get("/auth/api-keys", responses=documented(ErrorCode.FORBIDDEN))
async def list_api_keys(
    query: Annotated[PageQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> ApiKeyList:
    """List your API keys, newest first, and for a month those that have expired."""
    page = await api_keys.list_api_keys(uow, actor, page=page_of(query))
    return await listing(ApiKeyList, ApiKeyRead, page, request)


@router.delete("/auth/api-keys/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=GUARDED)
async def revoke_api_key(key_id: Id, uow: Write, actor: CurrentActor) -> None:
    """End one of your API keys, its streams included, at once and on every server."""
    await api_keys.revoke_api_key(uow, actor, key_id)
