"""Queries on sessions. They are written by whoever holds the lock of their account; what expired is swept without."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, false, select
from sqlalchemy.orm import with_expression

from db.clock import utc_now
from db.models import User, UserSession
from db.paging import Page, PageRequest, Sort, fetch_page
from db.session import ReadSession, WriteSession

NEWEST_FIRST: Sort[UserSession] = Sort("-created", UserSession.created_at, UserSession.id, descending=True)


def lives() -> ColumnElement[bool]:
    """Return the condition for sessions that have not expired; what was ended otherwise is gone."""
    return UserSession.expires_at > utc_now()


def living_of(user_id: UUID) -> Select[UserSession]:
    """Select a user's living sessions."""
    return select(UserSession).where(UserSession.user_id == user_id, lives())


async def find(session: ReadSession, session_id: UUID) -> UserSession | None:
    """Return a living session as it is now, even if it was read before in this transaction."""
    return await session.one_or_none(
        select(UserSession).where(UserSession.id == session_id, lives()).execution_options(populate_existing=True)
    )


async def is_living(session: ReadSession, session_id: UUID) -> bool:
    """Return whether a session lives."""
    return await session.one(select(exists().where(UserSession.id == session_id, lives())))


async def find_with_user(
    session: ReadSession, user_id: UUID, session_id: UUID
) -> tuple[User | None, UserSession | None]:
    """Return a user that was not deleted, and its session if that lives: one statement, as each request asks this."""
    rows = await session.rows(
        select(User, UserSession)
        .outerjoin(UserSession, (UserSession.user_id == User.id) & (UserSession.id == session_id) & lives())
        .where(User.id == user_id, User.deleted_at.is_(None))
    )
    return (rows[0][0], rows[0][1]) if rows else (None, None)


async def page(
    session: ReadSession, user_id: UUID, current: UUID | None, request: PageRequest[UserSession]
) -> Page[UserSession]:
    """Return one page of a user's living sessions; `current` is the one that asks."""
    is_current = false() if current is None else UserSession.id == current
    return await fetch_page(
        session, living_of(user_id).options(with_expression(UserSession.current, is_current)), request
    )


async def ids_of(session: ReadSession, user_id: UUID, *, but: UUID | None = None) -> list[UUID]:
    """Return the ids of a user's living sessions, except one."""
    statement = living_of(user_id) if but is None else living_of(user_id).where(UserSession.id != but)
    return list(await session.all(statement.with_only_columns(UserSession.id)))


async def delete_all_of(session: WriteSession, user_id: UUID, *, but: UUID | None = None) -> None:
    """Delete a user's sessions, except one."""
    statement = delete(UserSession).where(UserSession.user_id == user_id)
    await session.execute(statement if but is None else statement.where(UserSession.id != but))


async def delete_outdated(session: WriteSession, user_id: UUID, *, keep: int) -> None:
    """Delete a user's sessions that have expired, and of the others all but those that were used last."""
    kept = living_of(user_id).order_by(UserSession.last_used_at.desc(), UserSession.id.desc()).limit(keep)
    await session.execute(
        delete(UserSession).where(
            UserSession.user_id == user_id, UserSession.id.not_in(kept.with_only_columns(UserSession.id))
        )
    )


async def remove_expired(session: WriteSession, moment: datetime, most: int) -> int:
    """Remove some sessions that expired before a moment, and return how many.

    It holds no lock of an account, so it leaves alone what somebody else is writing, and waits for nobody.
    """
    expired = (
        select(UserSession.id).where(UserSession.expires_at < moment).limit(most).with_for_update(skip_locked=True)
    )
    found = await session.all(expired)
    await session.execute(delete(UserSession).where(UserSession.id.in_(found)))
    return len(found)
