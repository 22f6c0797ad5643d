"""Workspaces."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from api.schemas import workspaces as schemas
from api.schemas.files import FileSort
from api.schemas.items import ItemFilter as ItemFilterModel
from api.schemas.items import ItemSort
from api.schemas.messages import MessageSort
from api.services import files, items, members, messages, workspaces
from db.models import File as FileRow
from db.models import Item as ItemRow
from db.models import Member as MemberRow
from db.models import Message as MessageRow
from db.models import Role
from db.models import Workspace as WorkspaceRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output, model_or
from graphql_schema.nodes import Node
from graphql_schema.scalars import BigInt
from graphql_schema.types import INPUT, ORDER, PERSONAL, WHERE, Deleted, ExpectedVersion, Id, Trashed

if TYPE_CHECKING:
    from graphql_schema.files import File
    from graphql_schema.items import Item, ItemFilter
    from graphql_schema.members import Member
    from graphql_schema.messages import Message

LazyFile = Annotated["File", strawberry.lazy("graphql_schema.files")]
LazyItem = Annotated["Item", strawberry.lazy("graphql_schema.items")]
LazyItemFilter = Annotated["ItemFilter", strawberry.lazy("graphql_schema.items")]
LazyMember = Annotated["Member", strawberry.lazy("graphql_schema.members")]
LazyMessage = Annotated["Message", strawberry.lazy("graphql_schema.messages")]


@from_output(schemas.WorkspaceRead, types={"seq": BigInt})
class Workspace(Node):
    """What members share: items, messages and a log of every change."""

    @strawberry.field(
        description="Your own role in it; null if you are no longer a member.",
        graphql_type=Role | None,
        metadata=PERSONAL,
    )
    async def role(self, root: strawberry.Parent[WorkspaceRow], info: Info) -> Role | None:
        """Return the caller's role in all workspaces of this level."""
        return await info.context.batched(workspaces.get_roles, root.id)

    @strawberry.field(description="Who belongs to it.", graphql_type=Connection[LazyMember])
    async def members(
        self,
        root: strawberry.Parent[WorkspaceRow],
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[MemberRow]:
        """Return a page of the members of each workspace of this level."""
        page = page_arguments(info, first, after, last, before)
        return await info.context.batched(members.list_members_of_workspaces, root.id, page=page)

    @strawberry.field(description="Its items, filtered and sorted.", graphql_type=Connection[LazyItem])
    async def items(
        self,
        root: strawberry.Parent[WorkspaceRow],
        info: Info,
        filter: Annotated[LazyItemFilter | None, WHERE] = None,
        sort: Annotated[ItemSort, ORDER] = ItemSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[ItemRow]:
        """Return a page of the items of each workspace of this level."""
        page = page_arguments(info, first, after, last, before)
        where = model_or(filter, ItemFilterModel)
        return await info.context.batched(items.list_items_of_workspaces, root.id, where=where, sort=sort, page=page)

    @strawberry.field(description="The messages of its room.", graphql_type=Connection[LazyMessage])
    async def messages(
        self,
        root: strawberry.Parent[WorkspaceRow],
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        sort: Annotated[MessageSort, ORDER] = MessageSort.CREATED_DESC,
    ) -> Page[MessageRow]:
        """Return a page of the room of each workspace of this level."""
        page = page_arguments(info, first, after, last, before)
        return await info.context.batched(messages.list_messages_of_workspaces, root.id, sort=sort, page=page)

    @strawberry.field(
        description="All its files, those of items and messages included.", graphql_type=Connection[LazyFile]
    )
    async def files(
        self,
        root: strawberry.Parent[WorkspaceRow],
        info: Info,
        trashed: Trashed = False,
        sort: Annotated[FileSort, ORDER] = FileSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[FileRow]:
        """Return a page of the files of each workspace of this level."""
        page = page_arguments(info, first, after, last, before)
        return await info.context.batched(
            files.list_files_of_workspaces, root.id, trashed=trashed, sort=sort, page=page
        )


@from_input(schemas.WorkspaceCreate)
class WorkspaceCreate(ModelInput[schemas.WorkspaceCreate]):
    """A new workspace."""


@from_input(schemas.WorkspaceUpdate)
class WorkspaceUpdate(ModelInput[schemas.WorkspaceUpdate]):
    """Changes to a workspace; what is absent stays."""


@strawberry.type
class WorkspaceQuery:
    """Reading workspaces."""

    @strawberry.field(description="One of your workspaces.", graphql_type=Workspace)
    async def workspace(self, info: Info, id: Id) -> WorkspaceRow:
        """Return a workspace."""
        async with info.context.read() as uow:
            return await workspaces.get_workspace(uow, info.context.actor, id)

    @strawberry.field(description="Your workspaces, oldest first.", graphql_type=Connection[Workspace])
    async def workspaces(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Page[WorkspaceRow]:
        """Return one page of workspaces."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await workspaces.list_workspaces(uow, info.context.actor, page=page)


@strawberry.type
class WorkspaceMutation:
    """Changing workspaces."""

    @strawberry.mutation(description="Create a workspace; you become its first admin.", graphql_type=Workspace)
    async def create_workspace(self, info: Info, input: Annotated[WorkspaceCreate, INPUT]) -> WorkspaceRow:
        """Create a workspace."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await workspaces.create_workspace(uow, info.context.actor, data)

    @strawberry.mutation(description="Change a workspace, for its admins.", graphql_type=Workspace)
    async def update_workspace(
        self, info: Info, id: Id, input: Annotated[WorkspaceUpdate, INPUT], expected_version: ExpectedVersion = None
    ) -> WorkspaceRow:
        """Change a workspace."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await workspaces.update_workspace(
                uow, info.context.actor, id, data, expected_version=expected_version
            )

    @strawberry.mutation(description="Delete a workspace with all it holds, for its admins.")
    async def delete_workspace(self, info: Info, id: Id) -> Deleted:
        """Delete a workspace."""
        async with info.context.write() as uow:
            await workspaces.delete_workspace(uow, info.context.actor, id)
        return Deleted(deleted_id=strawberry.ID(str(id)))
