"""Members of workspaces."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.core.node_keys import MemberKey
from api.schemas import workspaces as schemas
from api.services import members, users, workspaces
from db.models import Member as MemberRow
from db.models import User as UserRow
from db.models import Workspace as WorkspaceRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.nodes import Node
from graphql_schema.types import INPUT, Deleted

if TYPE_CHECKING:
    from graphql_schema.users import User
    from graphql_schema.workspaces import Workspace

LazyUser = Annotated["User", strawberry.lazy("graphql_schema.users")]
LazyWorkspace = Annotated["Workspace", strawberry.lazy("graphql_schema.workspaces")]

InWorkspace = Annotated[UUID, strawberry.argument(description="The workspace.")]
OfUser = Annotated[UUID, strawberry.argument(description="The member's user id.")]


@from_output(schemas.Membership)
class Member(Node):
    """A user in a workspace."""

    @strawberry.field(description="An id that nothing else has, made of the workspace's and the user's.")
    def id(self, root: strawberry.Parent[MemberRow]) -> strawberry.ID:
        """Return the id."""
        return strawberry.ID(str(MemberKey(root.workspace_id, root.user_id)))

    @strawberry.field(description="The person.", graphql_type=LazyUser)
    async def user(self, root: strawberry.Parent[MemberRow], info: Info) -> UserRow | None:
        """Return the users of all members of this level."""
        return await info.context.batched(users.get_users, root.user_id)

    @strawberry.field(description="The person's e-mail address, which fellow members see.")
    async def email(self, root: strawberry.Parent[MemberRow], info: Info) -> str | None:
        """Return the address, from the same batch as the user."""
        user = await info.context.batched(users.get_users, root.user_id)
        return user.email if user else None

    @strawberry.field(description="Where.", graphql_type=LazyWorkspace)
    async def workspace(self, root: strawberry.Parent[MemberRow], info: Info) -> WorkspaceRow | None:
        """Return the workspaces of all members of this level."""
        return await info.context.batched(workspaces.get_workspaces, root.workspace_id)


@from_input(schemas.MemberAdd)
class MemberAdd(ModelInput[schemas.MemberAdd]):
    """A user to let in, named by id or by e-mail address."""


@from_input(schemas.MemberUpdate)
class MemberUpdate(ModelInput[schemas.MemberUpdate]):
    """A member's new role."""


@strawberry.type
class MemberQuery:
    """Reading members."""

    @strawberry.field(
        description="Members of a workspace in the order in which they came.", graphql_type=Connection[Member]
    )
    async def members(
        self,
        info: Info,
        workspace_id: InWorkspace,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[MemberRow]:
        """Return one page of members."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await members.list_members(uow, info.context.actor, workspace_id, page=page)


@strawberry.type
class MemberMutation:
    """Changing members."""

    @strawberry.mutation(description="Let a user in, for admins of the workspace.", graphql_type=Member)
    async def add_member(self, info: Info, workspace_id: InWorkspace, input: Annotated[MemberAdd, INPUT]) -> MemberRow:
        """Let a user in."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await members.add_member(uow, info.context.actor, workspace_id, data)

    @strawberry.mutation(description="Give a member another role, for admins of the workspace.", graphql_type=Member)
    async def update_member(
        self, info: Info, workspace_id: InWorkspace, user_id: OfUser, input: Annotated[MemberUpdate, INPUT]
    ) -> MemberRow:
        """Give a member another role."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await members.update_member(uow, info.context.actor, workspace_id, user_id, data)

    @strawberry.mutation(description="Take a member out: yourself, or as an admin anybody.")
    async def remove_member(self, info: Info, workspace_id: InWorkspace, user_id: OfUser) -> Deleted:
        """Take a member out."""
        async with info.context.write() as uow:
            await members.remove_member(uow, info.context.actor, workspace_id, user_id)
        return Deleted(deleted_id=strawberry.ID(str(MemberKey(workspace_id, user_id))))
