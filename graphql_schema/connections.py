"""Lists: Relay-style connections (relay.dev/graphql/connections.htm) over keyset pages."""

from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry.types.nodes import SelectedField, Selection

from api.core.cursors import encode_cursor
from api.core.errors import invalid
from api.core.pages import PageArguments
from api.schemas.pages import DEFAULT_LIMIT, MAX_LIMIT
from db.paging import Page
from graphql_schema.door.context import Info

Node = TypeVar("Node")

First = Annotated[
    int | None, strawberry.argument(description=f"How many at most, 1 to {MAX_LIMIT}; {DEFAULT_LIMIT} if absent.")
]
Last = Annotated[
    int | None, strawberry.argument(description="How many at most, counted from the end; instead of `first`.")
]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Only what precedes this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """See the Relay specification."""

    has_next_page: bool = strawberry.field(description="Whether more follows.")
    has_previous_page: bool = strawberry.field(description="Whether something precedes.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last edge.")


@strawberry.type(description="One entry of a list and its cursor.")
class Edge(Generic[Node]):
    """See the Relay specification."""

    cursor: str = strawberry.field(description="For `after` and `before`.")
    node: Node = strawberry.field(description="The entry.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[Node]):
    """A page, as GraphQL shows it. Resolvers hand out the `Page` itself."""

    @strawberry.field(description="The page with a cursor for each entry.")
    def edges(self, root: strawberry.Parent[Page[Any]]) -> list[Edge[Node]]:
        """Pair each row with its cursor."""
        return [Edge(cursor=encode_cursor(root.sort, row), node=row) for row in root.rows]

    @strawberry.field(description="The page.")
    def nodes(self, root: strawberry.Parent[Page[Any]]) -> list[Node]:
        """Return the rows."""
        return list(root.rows)

    @strawberry.field(description="Where the page lies in the list.")
    def page_info(self, root: strawberry.Parent[Page[Any]]) -> PageInfo:
        """Describe the page."""
        return PageInfo(
            has_next_page=root.has_next,
            has_previous_page=root.has_previous,
            start_cursor=encode_cursor(root.sort, root.rows[0]) if root.rows else None,
            end_cursor=encode_cursor(root.sort, root.rows[-1]) if root.rows else None,
        )

    @strawberry.field(description="Length of the whole list; counted only when asked for.")
    def total_count(self, root: strawberry.Parent[Page[Any]]) -> int:
        """Return the count that `page_arguments` ordered."""
        return root.total or 0


def page_arguments(
    info: Info, first: int | None, after: str | None, last: int | None, before: str | None
) -> PageArguments:
    """Return the page that a GraphQL client asked for.

    Raises:
        AppError: VALIDATION_ERROR for a size outside 1 to 100, or both sizes.
    """
    problems = [
        (name, f"It must be between 1 and {MAX_LIMIT}")
        for name, size in (("first", first), ("last", last))
        if size is not None and not 1 <= size <= MAX_LIMIT
    ]
    if first is not None and last is not None:
        problems.append(("last", "Give either first or last"))
    if problems:
        raise invalid(problems)
    return PageArguments(
        limit=first or last or DEFAULT_LIMIT,
        after=after,
        before=before,
        backwards=last is not None,
        with_total=any(_selects(field.selections, "totalCount") for field in info.selected_fields),
    )


def _selects(selections: list[Selection], name: str) -> bool:
    """Return whether a field is among the selections, directly or through fragments."""
    for selection in selections:
        if isinstance(selection, SelectedField):
            if selection.name == name:
                return True
        elif _selects(selection.selections, name):
            return True
    return False
