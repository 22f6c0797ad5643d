"""The security log: what happened to accounts and sessions, written in the transaction that does it."""

from typing import Any
from uuid import UUID

from api.core.actor import Actor
from api.core.pages import PageArguments
from db.models import SecurityEvent, SecurityEventKind
from db.paging import Page
from db.repositories import security_events
from db.unit_of_work import ReadUnit, UnitOfWork


async def record(
    uow: UnitOfWork,
    actor: Actor,
    kind: SecurityEventKind,
    user_id: UUID | None,
    *,
    who: str | None = None,
    **details: Any,
) -> None:
    """Write an entry about an account, or about none that there is.

    `who` did it if not the actor, who is nobody yet while signing in.
    """
    event = SecurityEvent(
        kind=kind,
        user_id=user_id,
        actor=who or actor.label,
        address=actor.address,
        device=actor.device,
        details=details,
    )
    await uow.session.insert(event)


async def list_security_events(
    uow: ReadUnit,
    actor: Actor,
    *,
    user_id: UUID | None = None,
    kind: SecurityEventKind | None = None,
    page: PageArguments,
) -> Page[SecurityEvent]:
    """Return one page of the security log, newest first, for administrators.

    Raises:
        AppError: UNAUTHENTICATED or FORBIDDEN.
    """
    actor.require_administrator()
    request = page.of(security_events.NEWEST_FIRST)
    return await security_events.page(uow.session, request, user_id=user_id, kind=kind)
