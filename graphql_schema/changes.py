"""The change log."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from api.core.node_keys import ChangeKey
from api.schemas import changes as schemas
from api.schemas.pages import DEFAULT_LIMIT
from api.services import changes, users
from api.services.changes import Stretch
from db.models import Change as ChangeRow
from db.models import OwnChange as OwnChangeRow
from db.models import User as UserRow
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import from_output
from graphql_schema.nodes import Node
from graphql_schema.scalars import BigInt

if TYPE_CHECKING:
    from graphql_schema.users import User

BEGINNING = BigInt(0)
SeenBefore = Annotated[BigInt, strawberry.argument(description="The last number you have seen; 0 for all.")]
AtMost = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]
LazyUser = Annotated["User", strawberry.lazy("graphql_schema.users")]


@from_output(schemas.ChangeRead, types={"seq": BigInt})
class Change(Node):
    """One entry of a workspace's log."""

    @strawberry.field(description="An id that nothing else has, made of the workspace's and the number.")
    def id(self, root: strawberry.Parent[ChangeRow]) -> strawberry.ID:
        """Return the id."""
        return strawberry.ID(str(ChangeKey(root.workspace_id, root.seq)))

    @strawberry.field(description="Who did it; null is the system.", graphql_type=LazyUser | None)
    async def actor(self, root: strawberry.Parent[ChangeRow], info: Info) -> UserRow | None:
        """Return the actors of all changes of this level."""
        return await info.context.batched(users.get_users, root.actor_id) if root.actor_id else None


@from_output(schemas.OwnChangeRead, types={"seq": BigInt})
class OwnChange:
    """One entry of your own log."""

    @strawberry.field(description="Who did it; null is the system.", graphql_type=LazyUser | None)
    async def actor(self, root: strawberry.Parent[OwnChangeRow], info: Info) -> UserRow | None:
        """Return the actors of all changes of this level."""
        return await info.context.batched(users.get_users, root.actor_id) if root.actor_id else None


@strawberry.type
class StretchOfLog:
    """What stretches of all logs have. Resolvers hand out the service's `Stretch`."""

    seq: BigInt = strawberry.field(description="Number of the last entry of the whole log.")
    has_more: bool = strawberry.field(description="Whether entries follow.")


@strawberry.type(description="A stretch of a workspace's log. Ask again with `after` set to the last `seq` you got.")
class ChangeList(StretchOfLog):
    """Of a workspace."""

    @strawberry.field(description="Entries in order.", graphql_type=list[Change])
    def nodes(self, root: strawberry.Parent[Stretch]) -> list[Any]:
        """Return the entries."""
        return list(root.data)


@strawberry.type(description="A stretch of your own log. Ask again with `after` set to the last `seq` you got.")
class OwnChangeList(StretchOfLog):
    """Of the caller."""

    @strawberry.field(description="Entries in order.", graphql_type=list[OwnChange])
    def nodes(self, root: strawberry.Parent[Stretch]) -> list[Any]:
        """Return the entries."""
        return list(root.data)


@strawberry.type
class ChangeQuery:
    """Reading the log."""

    @strawberry.field(
        description="The change log after the last number you have seen: in order, without gaps.",
        graphql_type=ChangeList,
    )
    async def changes(
        self,
        info: Info,
        workspace_id: Annotated[UUID, strawberry.argument(description="Whose log.")],
        after: SeenBefore = BEGINNING,
        limit: AtMost = DEFAULT_LIMIT,
    ) -> Stretch:
        """Return entries of the log."""
        query = schemas.ChangeQuery.read({"after": after, "limit": limit})
        async with info.context.read() as uow:
            return await changes.list_changes(
                uow, info.context.actor, workspace_id, after=query.after, limit=query.limit
            )

    @strawberry.field(
        description="Your own log after the last number you have seen, in order and without gaps: the workspaces you "
        "belong to, your role in each, and the invitations to your confirmed address.",
        graphql_type=OwnChangeList,
    )
    async def my_changes(self, info: Info, after: SeenBefore = BEGINNING, limit: AtMost = DEFAULT_LIMIT) -> Stretch:
        """Return entries of the caller's log."""
        query = schemas.ChangeQuery.read({"after": after, "limit": limit})
        async with info.context.read() as uow:
            return await changes.list_my_changes(uow, info.context.actor, after=query.after, limit=query.limit)
