"""Anything by its id: the object identification of Relay (relay.dev/docs/guides/graphql-server-specification)."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from api.core.errors import invalid
from api.core.node_keys import NodeKey
from api.schemas.pages import MAX_LIMIT
from api.schemas.types import AtMost
from api.services.nodes import Node as NodeRow
from api.services.nodes import get_nodes
from graphql_schema.door.context import Info
from graphql_schema.ids import read_key

Ids = Annotated[list[strawberry.ID], strawberry.argument(description=f"The ids, at most {MAX_LIMIT}.")]


@strawberry.interface(description="What can be read again by its id, and what caches know by it.")
class Node:
    """The interface of all types with an identity. Resolvers hand out rows of the model of the same name."""

    id: strawberry.ID = strawberry.field(description="An id that nothing else has.")

    @classmethod
    def is_type_of(cls, _row: object, _info: object) -> bool:
        """Trust the field: rows are no instances of the types that show them."""
        return True

    @classmethod
    def resolve_type(cls, row: object, _info: object, _type: object) -> str:
        """Return the name of the row's type."""
        return type(row).__name__


@strawberry.type
class NodeQuery:
    """Reading again what is known by its id alone."""

    @strawberry.field(
        description="Whatever has this id; null if there is nothing, or nothing that you may see. A user is seen by "
        "whoever shares a workspace with it and by administrators.",
        graphql_type=Node | None,
    )
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> NodeRow | None:
        """Return a node."""
        [node] = await _read(info, [("id", id)])
        return node

    @strawberry.field(
        description="Whatever has these ids, in their order; null where `node` answers null.",
        graphql_type=list[Node | None],
    )
    async def nodes(self, info: Info, ids: Ids) -> Sequence[NodeRow | None]:
        """Return several nodes."""
        if problem := AtMost(MAX_LIMIT).problem(ids):
            raise invalid([("ids", problem)])
        return await _read(info, [(f"ids.{index}", text) for index, text in enumerate(ids)])


async def _read(info: Info, ids: Sequence[tuple[str, str]]) -> Sequence[NodeRow | None]:
    keys: list[NodeKey] = []
    problems = []
    for path, text in ids:
        try:
            keys.append(read_key(text))
        except ValueError as error:
            problems.append((path, str(error)))
    if problems:
        raise invalid(problems)
    async with info.context.read() as uow:
        return await get_nodes(uow, info.context.actor, keys)
