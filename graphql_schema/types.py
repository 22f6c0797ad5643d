"""Short forms for resolvers: identifiers, versions, and what deletions answer."""

from typing import Annotated
from uuid import UUID

import strawberry

Id = Annotated[UUID, strawberry.argument(description="The id.")]
WorkspaceId = Annotated[UUID | None, strawberry.argument(description="Where; your personal workspace if absent.")]
ExpectedVersion = Annotated[
    int | None,
    strawberry.argument(description="The version you edit; another one answers `PRECONDITION_FAILED`."),
]


@strawberry.type(description="What was deleted.")
class Deleted:
    """The answer of deletions."""

    id: UUID = strawberry.field(description="Its id.")
