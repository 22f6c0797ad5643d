"""Queries on the security log."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from db.models import SecurityEvent, SecurityEventKind
from db.paging import Page, PageRequest, Sort, fetch_page
from db.session import ReadSession, WriteSession

NEWEST_FIRST: Sort[SecurityEvent] = Sort("-at", SecurityEvent.at, SecurityEvent.id, descending=True)


async def remove_before(session: WriteSession, moment: datetime, most: int) -> int:
    """Remove some entries that are older than a moment, and return how many."""
    old = select(SecurityEvent.id).where(SecurityEvent.at < moment).order_by(SecurityEvent.at).limit(most)
    found = await session.all(old)
    await session.execute(delete(SecurityEvent).where(SecurityEvent.id.in_(found)))
    return len(found)


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


async def sign_ins(session: ReadSession, user_id: UUID, *, since: datetime, limit: int) -> Sequence[SecurityEvent]:
    """Return the last sign-ins to an account, newest first."""
    return await session.all(
        select(SecurityEvent)
        .where(
            SecurityEvent.user_id == user_id,
            SecurityEvent.kind == SecurityEventKind.SIGNED_IN,
            SecurityEvent.at > since,
        )
        .order_by(SecurityEvent.at.desc())
        .limit(limit)
    )
