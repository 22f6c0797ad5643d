"""Accounts and users."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from api.schemas import users as schemas
from api.schemas.items import ItemFilter as ItemFilterModel
from api.schemas.items import ItemSort
from api.services import items, users, workspaces
from db.models import Item as ItemRow
from db.models import User as UserRow
from db.models import Workspace as WorkspaceRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output, model_or
from graphql_schema.nodes import Node
from graphql_schema.scalars import BigInt
from graphql_schema.types import INPUT, ORDER, PERSONAL, PUBLIC, WHERE, Deleted, Id

if TYPE_CHECKING:
    from graphql_schema.items import Item, ItemFilter
    from graphql_schema.workspaces import Workspace

LazyItem = Annotated["Item", strawberry.lazy("graphql_schema.items")]
LazyItemFilter = Annotated["ItemFilter", strawberry.lazy("graphql_schema.items")]
LazyWorkspace = Annotated["Workspace", strawberry.lazy("graphql_schema.workspaces")]


@strawberry.type
class OwnsItems:
    """The items of a user, for both faces of a user."""

    @strawberry.field(
        description="The items it made, as far as you may see them.",
        graphql_type=Connection[LazyItem],
        metadata=PERSONAL,
    )
    async def items(
        self,
        root: strawberry.Parent[UserRow],
        info: Info,
        filter: Annotated[LazyItemFilter | None, WHERE] = None,
        sort: Annotated[ItemSort, ORDER] = ItemSort.CREATED_DESC,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[ItemRow]:
        """Return a page of the items of each user of this level."""
        page = page_arguments(info, first, after, last, before)
        where = model_or(filter, ItemFilterModel)
        return await info.context.batched(items.list_items_of_owners, root.id, where=where, sort=sort, page=page)


@from_output(schemas.UserRead)
class User(OwnsItems, Node):
    """A user, as colleagues see it."""


@from_output(schemas.AccountRead, types={"seq": BigInt | None})
class Account(OwnsItems):
    """An account, as its owner and administrators see it. It is the `User` with the same id, which is the `Node`."""

    @strawberry.field(description="As colleagues see it.", graphql_type=User)
    def user(self, root: strawberry.Parent[UserRow]) -> UserRow:
        """Return the other face of the same row."""
        return root

    @strawberry.field(
        description="The workspaces it belongs to, as far as you may see them.",
        graphql_type=Connection[LazyWorkspace],
    )
    async def workspaces(
        self,
        root: strawberry.Parent[UserRow],
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[WorkspaceRow]:
        """Return a page of the workspaces of each account of this level."""
        page = page_arguments(info, first, after, last, before)
        return await info.context.batched(workspaces.list_workspaces_of_users, root.id, page=page)


@from_input(schemas.UserCreate)
class UserCreate(ModelInput[schemas.UserCreate]):
    """A new account."""


@from_input(schemas.MeUpdate)
class MeUpdate(ModelInput[schemas.MeUpdate]):
    """Changes to your own account; what is absent stays."""


@from_input(schemas.UserUpdate)
class UserUpdate(ModelInput[schemas.UserUpdate]):
    """Changes to an account by an administrator; what is absent stays."""


@strawberry.type
class UserQuery:
    """Reading accounts."""

    @strawberry.field(description="Your own account.", graphql_type=Account)
    async def me(self, info: Info) -> UserRow:
        """Return the caller's account."""
        async with info.context.read() as uow:
            return await users.get_me(uow, info.context.actor)

    @strawberry.field(
        description="A user, as colleagues see it, for whoever shares a workspace with it and for administrators.",
        graphql_type=User,
    )
    async def user(self, info: Info, id: Id) -> UserRow:
        """Return a user."""
        async with info.context.read() as uow:
            return await users.get_user(uow, info.context.actor, id)

    @strawberry.field(description="An account, for its owner and administrators.", graphql_type=Account)
    async def account(self, info: Info, id: Id) -> UserRow:
        """Return an account."""
        async with info.context.read() as uow:
            return await users.get_account(uow, info.context.actor, id)

    @strawberry.field(description="All accounts, for administrators, oldest first.", graphql_type=Connection[Account])
    async def users(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Page[UserRow]:
        """Return one page of accounts."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await users.list_users(uow, info.context.actor, page=page)


@strawberry.type
class UserMutation:
    """Changing accounts."""

    @strawberry.mutation(
        description="Sign up: create an account with its personal workspace. "
        "With `REGISTRATION=closed`, for administrators.",
        graphql_type=Account,
        metadata=PUBLIC,
    )
    async def create_user(self, info: Info, input: Annotated[UserCreate, INPUT]) -> UserRow:
        """Sign up."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await users.create_user(uow, info.context.actor, data, identity=info.context.identity)

    @strawberry.mutation(
        description="Change your own account. A new password ends all your other sessions.",
        graphql_type=Account,
    )
    async def update_me(self, info: Info, input: Annotated[MeUpdate, INPUT]) -> UserRow:
        """Change the caller's account."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await users.update_me(uow, info.context.actor, data, identity=info.context.identity)

    @strawberry.mutation(
        description="Change an account, for administrators. The last administrator stays one.", graphql_type=Account
    )
    async def update_user(self, info: Info, id: Id, input: Annotated[UserUpdate, INPUT]) -> UserRow:
        """Change an account."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await users.update_user(uow, info.context.actor, id, data, identity=info.context.identity)

    @strawberry.mutation(
        description="Delete an account, for administrators. Workspaces that it had to itself go with it."
    )
    async def delete_user(self, info: Info, id: Id) -> Deleted:
        """Delete an account."""
        async with info.context.write() as uow:
            await users.delete_user(uow, info.context.actor, id)
        return Deleted(deleted_id=strawberry.ID(str(id)))
