"""The security log."""

from typing import Annotated
from uuid import UUID

import strawberry

from api.schemas import security_events as schemas
from api.services import security
from db.models import SecurityEvent as SecurityEventRow
from db.models import SecurityEventKind
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import from_output

OfUser = Annotated[UUID | None, strawberry.argument(description="About this account only.")]
OfKind = Annotated[SecurityEventKind | None, strawberry.argument(description="Of this kind only.")]


@from_output(schemas.SecurityEventRead)
class SecurityEvent:
    """An entry of the security log."""


@strawberry.type
class SecurityQuery:
    """Reading the security log."""

    @strawberry.field(
        description="Who signed in or failed to, what was revoked, which accounts changed. For administrators, newest "
        "first.",
        graphql_type=Connection[SecurityEvent],
    )
    async def security_events(
        self,
        info: Info,
        user_id: OfUser = None,
        kind: OfKind = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[SecurityEventRow]:
        """Return one page of the security log."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await security.list_security_events(uow, info.context.actor, user_id=user_id, kind=kind, page=page)
