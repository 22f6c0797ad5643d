"""Messages."""

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
from api.schemas.messages import MessageCreate, MessageList, MessageQuery, MessageRead, MessageUpdate
from api.services import messages

router = resource_router("messages")


@router.get("/messages", responses=GUARDED)
async def list_messages(
    query: Annotated[MessageQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> MessageList:
    """List the messages of an item's thread or of a workspace's room."""
    page = await messages.list_messages(
        uow, actor, query.workspace_id, query.item_id, sort=query.sort, page=page_of(query)
    )
    return await listing(MessageList, MessageRead, page, request)


@router.post("/messages", status_code=status.HTTP_201_CREATED, responses=CHANGING | CREATED_AND_TAGGED)
async def create_message(
    data: MessageCreate, uow: Write, actor: CurrentActor, request: Request, response: Response
) -> MessageRead:
    """Post a message in a room or a thread, for editors."""
    message = await messages.create_message(uow, actor, data)
    tag_created(request, response, "get_message", id=message.id)
    tag_version(response, message)
    return MessageRead.model_validate(message)


@router.get("/messages/{id}", responses=GUARDED | TAGGED)
async def get_message(message_id: Id, uow: Read, actor: CurrentActor, response: Response) -> MessageRead:
    """Return a message."""
    message = await messages.get_message(uow, actor, message_id)
    tag_version(response, message)
    return MessageRead.model_validate(message)


@router.patch("/messages/{id}", responses=VERSIONED | TAGGED)
async def update_message(
    message_id: Id,
    data: MessageUpdate,
    uow: Write,
    actor: CurrentActor,
    expected: ExpectedVersion,
    response: Response,
) -> MessageRead:
    """Change a message, for its author."""
    message = await messages.update_message(uow, actor, message_id, data, expected_version=expected)
    tag_version(response, message)
    return MessageRead.model_validate(message)


@router.delete("/messages/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
async def delete_message(message_id: Id, uow: Write, actor: CurrentActor) -> None:
    """Delete a message, for its author and admins of the workspace."""
    await messages.delete_message(uow, actor, message_id)
