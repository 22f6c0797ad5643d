"""Messages."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.schemas import messages as schemas
from api.schemas.files import FileSort
from api.schemas.messages import MessageSort
from api.services import files, items, messages, users, workspaces
from db.models import File as FileRow
from db.models import Item as ItemRow
from db.models import Message as MessageRow
from db.models import User as UserRow
from db.models import Workspace as WorkspaceRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.nodes import Node
from graphql_schema.types import INPUT, ORDER, Deleted, ExpectedVersion, Id, Trashed, WorkspaceId

if TYPE_CHECKING:
    from graphql_schema.files import File
    from graphql_schema.items import Item
    from graphql_schema.users import User
    from graphql_schema.workspaces import Workspace

LazyFile = Annotated["File", strawberry.lazy("graphql_schema.files")]
LazyItem = Annotated["Item", strawberry.lazy("graphql_schema.items")]
LazyUser = Annotated["User", strawberry.lazy("graphql_schema.users")]
LazyWorkspace = Annotated["Workspace", strawberry.lazy("graphql_schema.workspaces")]


@from_output(schemas.MessageRead)
class Message(Node):
    """Text in a workspace's room or in the thread of an item."""

    @strawberry.field(description="Where it was written.", graphql_type=LazyWorkspace)
    async def workspace(self, root: strawberry.Parent[MessageRow], info: Info) -> WorkspaceRow | None:
        """Return the workspaces of all messages of this level."""
        return await info.context.batched(workspaces.get_workspaces, root.workspace_id)

    @strawberry.field(description="Who wrote it.", graphql_type=LazyUser)
    async def author(self, root: strawberry.Parent[MessageRow], info: Info) -> UserRow | None:
        """Return the authors of all messages of this level."""
        return await info.context.batched(users.get_users, root.author_id)

    @strawberry.field(
        description="The item whose thread it belongs to; null in the room.", graphql_type=LazyItem | None
    )
    async def item(self, root: strawberry.Parent[MessageRow], info: Info) -> ItemRow | None:
        """Return the items of all messages of this level."""
        return await info.context.batched(items.get_items, root.item_id) if root.item_id else None

    @strawberry.field(description="Its files.", graphql_type=Connection[LazyFile])
    async def files(
        self,
        root: strawberry.Parent[MessageRow],
        info: Info,
        trashed: Trashed = False,
        sort: Annotated[FileSort, ORDER] = FileSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[FileRow]:
        """Return a page of the files of each message of this level."""
        page = page_arguments(info, first, after, last, before)
        return await info.context.batched(files.list_files_of_messages, root.id, trashed=trashed, sort=sort, page=page)


@from_input(schemas.MessageCreate)
class MessageCreate(ModelInput[schemas.MessageCreate]):
    """A new message, in the thread of `itemId` or else in the workspace's room."""


@from_input(schemas.MessageUpdate)
class MessageUpdate(ModelInput[schemas.MessageUpdate]):
    """Changes to a message; what is absent stays."""


@strawberry.type
class MessageQuery:
    """Reading messages."""

    @strawberry.field(description="A message.", graphql_type=Message)
    async def message(self, info: Info, id: Id) -> MessageRow:
        """Return a message."""
        async with info.context.read() as uow:
            return await messages.get_message(uow, info.context.actor, id)

    @strawberry.field(
        description="Messages of an item's thread or of a workspace's room.", graphql_type=Connection[Message]
    )
    async def messages(
        self,
        info: Info,
        workspace_id: WorkspaceId = None,
        item_id: Annotated[UUID | None, strawberry.argument(description="The item whose thread is wanted.")] = None,
        sort: Annotated[MessageSort, ORDER] = MessageSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[MessageRow]:
        """Return one page of messages."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await messages.list_messages(uow, info.context.actor, workspace_id, item_id, sort=sort, page=page)


@strawberry.type
class MessageMutation:
    """Changing messages."""

    @strawberry.mutation(description="Post a message in a room or a thread, for editors.", graphql_type=Message)
    async def create_message(self, info: Info, input: Annotated[MessageCreate, INPUT]) -> MessageRow:
        """Post a message."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await messages.create_message(uow, info.context.actor, data)

    @strawberry.mutation(description="Change a message, for its author.", graphql_type=Message)
    async def update_message(
        self, info: Info, id: Id, input: Annotated[MessageUpdate, INPUT], expected_version: ExpectedVersion = None
    ) -> MessageRow:
        """Change a message."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await messages.update_message(uow, info.context.actor, id, data, expected_version=expected_version)

    @strawberry.mutation(description="Delete a message, for its author and admins of the workspace.")
    async def delete_message(self, info: Info, id: Id) -> Deleted:
        """Delete a message."""
        async with info.context.write() as uow:
            await messages.delete_message(uow, info.context.actor, id)
        return Deleted(deleted_id=strawberry.ID(str(id)))
