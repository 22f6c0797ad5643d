"""Queries on the security log."""

from uuid import UUID

from sqlalchemy import select

from db.models import SecurityEvent, SecurityEventKind
from db.paging import Page, PageRequest, Sort, fetch_page
from db.session import ReadSession

NEWEST_FIRST: Sort[SecurityEvent] = Sort("-at", SecurityEvent.at, SecurityEvent.id, descending=True)


async def page(
    session: ReadSession,
    request: PageRequest[SecurityEvent],
    *,
    user_id: UUID | None = None,
    kind: SecurityEventKind | None = None,
) -> Page[SecurityEvent]:
    """Return one page of the log; None is no condition."""
    statement = select(SecurityEvent)
    if user_id is not None:
        statement = statement.where(SecurityEvent.user_id == user_id)
    if kind is not None:
        statement = statement.where(SecurityEvent.kind == kind)
    return await fetch_page(session, statement, request)
