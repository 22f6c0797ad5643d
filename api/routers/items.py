"""Items."""

from typing import Annotated

from fastapi import Query, Request, Response, status

from api.dependencies import CurrentActor, ExpectedVersion, Id, Read, Write, page_of
from api.rest import (
    CHANGING,
    CREATED_AND_TAGGED,
    GUARDED,
    TAGGED,
    VERSIONED,
    listing,
    resource_router,
    tag_created,
    tag_version,
)
from api.schemas.items import ItemCreate, ItemList, ItemQuery, ItemRead, ItemUpdate
from api.schemas.scalars import Switch
from api.services import items

router = resource_router("items")


@router.get("/items", responses=GUARDED)
async def list_items(
    query: Annotated[ItemQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> ItemList:
    """List the items of a workspace, filtered and sorted."""
    page = await items.list_items(uow, actor, query.workspace_id, query, sort=query.sort, page=page_of(query))
    return await listing(ItemList, ItemRead, page, request)


@router.post("/items", status_code=status.HTTP_201_CREATED, responses=CHANGING | CREATED_AND_TAGGED)
async def create_item(
    data: ItemCreate, uow: Write, actor: CurrentActor, request: Request, response: Response
) -> ItemRead:
    """Create an item, for editors."""
    item = await items.create_item(uow, actor, data)
    tag_created(request, response, "get_item", id=item.id)
    tag_version(response, item)
    return ItemRead.model_validate(item)


@router.get("/items/{id}", responses=GUARDED | TAGGED)
async def get_item(item_id: Id, uow: Read, actor: CurrentActor, response: Response) -> ItemRead:
    """Return an item, in the trash or not."""
    item = await items.get_item(uow, actor, item_id)
    tag_version(response, item)
    return ItemRead.model_validate(item)


@router.patch("/items/{id}", responses=VERSIONED | TAGGED)
async def update_item(
    item_id: Id, data: ItemUpdate, uow: Write, actor: CurrentActor, expected: ExpectedVersion, response: Response
) -> ItemRead:
    """Change an item, for editors. Only what is sent changes; with `If-Match` only that version does."""
    item = await items.update_item(uow, actor, item_id, data, expected_version=expected)
    tag_version(response, item)
    return ItemRead.model_validate(item)


@router.delete("/items/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=VERSIONED)
async def delete_item(
    item_id: Id,
    uow: Write,
    actor: CurrentActor,
    expected: ExpectedVersion,
    *,
    permanent: Annotated[Switch, Query(description="For good and with its thread; for admins.")] = False,
) -> None:
    """Move an item to the trash, for editors."""
    await items.delete_item(uow, actor, item_id, permanent=permanent, expected_version=expected)


@router.post("/items/{id}/restore", responses=CHANGING | TAGGED)
async def restore_item(item_id: Id, uow: Write, actor: CurrentActor, response: Response) -> ItemRead:
    """Take an item out of the trash, for editors."""
    item = await items.restore_item(uow, actor, item_id)
    tag_version(response, item)
    return ItemRead.model_validate(item)
