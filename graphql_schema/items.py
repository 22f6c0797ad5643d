"""Items."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from api.schemas import items as schemas
from api.schemas.files import FileSort
from api.schemas.items import ItemSort
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
from graphql_schema.from_pydantic import ModelInput, from_input, from_output, model_or
from graphql_schema.nodes import Node
from graphql_schema.types import INPUT, ORDER, WHERE, Deleted, ExpectedVersion, Id, Trashed, WorkspaceId

if TYPE_CHECKING:
    from graphql_schema.files import File
    from graphql_schema.messages import Message
    from graphql_schema.users import User
    from graphql_schema.workspaces import Workspace

LazyFile = Annotated["File", strawberry.lazy("graphql_schema.files")]
LazyUser = Annotated["User", strawberry.lazy("graphql_schema.users")]
LazyMessage = Annotated["Message", strawberry.lazy("graphql_schema.messages")]
LazyWorkspace = Annotated["Workspace", strawberry.lazy("graphql_schema.workspaces")]


@from_output(schemas.ItemRead)
class Item(Node):
    """A thing a team shares: what is to be done, bought, answered or kept."""

    @strawberry.field(description="Where it is.", graphql_type=LazyWorkspace)
    async def workspace(self, root: strawberry.Parent[ItemRow], info: Info) -> WorkspaceRow | None:
        """Return the workspaces of all items of this level."""
        return await info.context.batched(workspaces.get_workspaces, root.workspace_id)

    @strawberry.field(description="Who made it.", graphql_type=LazyUser)
    async def owner(self, root: strawberry.Parent[ItemRow], info: Info) -> UserRow | None:
        """Return the owners of all items of this level."""
        return await info.context.batched(users.get_users, root.owner_id)

    @strawberry.field(description="Who shall do it.", graphql_type=LazyUser | None)
    async def assignee(self, root: strawberry.Parent[ItemRow], info: Info) -> UserRow | None:
        """Return the assignees of all items of this level."""
        return await info.context.batched(users.get_users, root.assignee_id) if root.assignee_id else None

    @strawberry.field(description="Its thread.", graphql_type=Connection[LazyMessage])
    async def messages(
        self,
        root: strawberry.Parent[ItemRow],
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        sort: Annotated[MessageSort, ORDER] = MessageSort.CREATED_DESC,
    ) -> Page[MessageRow]:
        """Return a page of the thread of each item of this level."""
        page = page_arguments(info, first, after, last, before)
        return await info.context.batched(messages.list_messages_of_items, root.id, sort=sort, page=page)

    @strawberry.field(description="Its files, those of its thread included.", graphql_type=Connection[LazyFile])
    async def files(
        self,
        root: strawberry.Parent[ItemRow],
        info: Info,
        trashed: Trashed = False,
        sort: Annotated[FileSort, ORDER] = FileSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[FileRow]:
        """Return a page of the files of each item of this level."""
        page = page_arguments(info, first, after, last, before)
        return await info.context.batched(files.list_files_of_items, root.id, trashed=trashed, sort=sort, page=page)


@from_input(schemas.ItemCreate)
class ItemCreate(ModelInput[schemas.ItemCreate]):
    """A new item."""


@from_input(schemas.ItemUpdate)
class ItemUpdate(ModelInput[schemas.ItemUpdate]):
    """Changes to an item; what is absent stays, null empties where null is allowed."""


@from_input(schemas.ItemFilter)
class ItemFilter(ModelInput[schemas.ItemFilter]):
    """What items must fulfil; conditions add up. Null is no condition, except as the assignee."""


@strawberry.type
class ItemQuery:
    """Reading items."""

    @strawberry.field(description="An item, in the trash or not.", graphql_type=Item)
    async def item(self, info: Info, id: Id) -> ItemRow:
        """Return an item."""
        async with info.context.read() as uow:
            return await items.get_item(uow, info.context.actor, id)

    @strawberry.field(description="Items of a workspace, filtered and sorted.", graphql_type=Connection[Item])
    async def items(
        self,
        info: Info,
        workspace_id: WorkspaceId = None,
        filter: Annotated[ItemFilter | None, WHERE] = None,
        sort: Annotated[ItemSort, ORDER] = ItemSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[ItemRow]:
        """Return one page of items."""
        page = page_arguments(info, first, after, last, before)
        where = model_or(filter, schemas.ItemFilter)
        async with info.context.read() as uow:
            return await items.list_items(uow, info.context.actor, workspace_id, where, sort=sort, page=page)


@strawberry.type
class ItemMutation:
    """Changing items."""

    @strawberry.mutation(description="Create an item, for editors.", graphql_type=Item)
    async def create_item(self, info: Info, input: Annotated[ItemCreate, INPUT]) -> ItemRow:
        """Create an item."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await items.create_item(uow, info.context.actor, data)

    @strawberry.mutation(description="Change an item, for editors; only what is sent changes.", graphql_type=Item)
    async def update_item(
        self, info: Info, id: Id, input: Annotated[ItemUpdate, INPUT], expected_version: ExpectedVersion = None
    ) -> ItemRow:
        """Change an item."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await items.update_item(uow, info.context.actor, id, data, expected_version=expected_version)

    @strawberry.mutation(description="Move an item to the trash, for editors.")
    async def delete_item(
        self,
        info: Info,
        id: Id,
        expected_version: ExpectedVersion = None,
        permanent: Annotated[
            bool, strawberry.argument(description="For good and with its thread; for admins.")
        ] = False,
    ) -> Deleted:
        """Delete an item."""
        async with info.context.write() as uow:
            await items.delete_item(uow, info.context.actor, id, permanent=permanent, expected_version=expected_version)
        return Deleted(deleted_id=strawberry.ID(str(id)))

    @strawberry.mutation(description="Take an item out of the trash, for editors.", graphql_type=Item)
    async def restore_item(self, info: Info, id: Id) -> ItemRow:
        """Restore an item."""
        async with info.context.write() as uow:
            return await items.restore_item(uow, info.context.actor, id)
