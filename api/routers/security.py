"""The security log."""

from typing import Annotated

from fastapi import Query, Request

from api.core.errors import ErrorCode
from api.dependencies import CurrentActor, Read, page_of
from api.problems import documented
from api.rest import listing, resource_router
from api.schemas.security_events import SecurityEventList, SecurityEventQuery, SecurityEventRead
from api.services import security

router = resource_router("security")


@router.get("/security-events", responses=documented(ErrorCode.FORBIDDEN))
async def list_security_events(
    query: Annotated[SecurityEventQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> SecurityEventList:
    """List who signed in or failed to, what was revoked, which accounts changed. For administrators, newest first."""
    page = await security.list_security_events(uow, actor, user_id=query.user_id, kind=query.kind, page=page_of(query))
    return await listing(SecurityEventList, SecurityEventRead, page, request)
