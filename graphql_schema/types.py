"""Short forms for resolvers: arguments that many fields take, and what deletions answer."""

from typing import Annotated
from uuid import UUID

import strawberry

from api.schemas.files import TRASHED
from api.schemas.scalars import OR_HOME

PERSONAL = {"personal": True}
"""Metadata of a field whose value depends on who asks: its events cannot be shared among subscribers."""

PUBLIC = {"public": True}
"""Metadata of a field that is for anyone; who asks for another one is refused without a token at once."""

Id = Annotated[UUID, strawberry.argument(description="The id.")]
WorkspaceId = Annotated[UUID | None, strawberry.argument(description=f"Where; {OR_HOME}.")]
ExpectedVersion = Annotated[
    int | None,
    strawberry.argument(description="The version you edit; another one answers `PRECONDITION_FAILED`."),
]
INPUT = strawberry.argument(description="What it shall be, with the names and rules of the REST door.")
Trashed = Annotated[bool, strawberry.argument(description=TRASHED)]
WHERE = strawberry.argument(description="What they must fulfil; all outside the trash if absent.")
ORDER = strawberry.argument(description="The order.")


@strawberry.type(description="What was deleted.")
class Deleted:
    """The answer of deletions."""

    deleted_id: strawberry.ID = strawberry.field(description="Its id. This answer has none itself.")
