"""Lists: how they are asked for and answered at the REST door."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from api.schemas.scalars import AsWhole, Switch
from api.schemas.types import Count, Input, Output

T = TypeVar("T", bound=Output)

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
# The largest number that both databases take as an offset.
MAX_SKIP = 2**63 - 1

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most."), AsWhole]


class PageQuery(Input):
    """Which part of a list is wanted."""

    limit: Limit = DEFAULT_LIMIT
    skip: Annotated[int, Field(ge=0, le=MAX_SKIP, description="How many to leave out at the beginning."), AsWhole] = 0
    cursor: Annotated[
        str | None, Field(max_length=2048, description="`next_cursor` of the page before; stable under inserts.")
    ] = None
    include_total: Annotated[Switch, Field(description="Whether to count the whole list.")] = False


class Listing(Output, Generic[T]):
    """One page of a list."""

    data: Annotated[list[T], Field(max_length=MAX_LIMIT, description="The page.")]
    total: Annotated[Count | None, Field(description="Length of the whole list, with `include_total=true`.")] = None
    next_cursor: Annotated[
        str | None, Field(max_length=2048, description="Where the next page begins; null on the last.")
    ] = None
