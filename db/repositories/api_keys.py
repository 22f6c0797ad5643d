"""Queries on API keys. They are made and ended by whoever holds the lock of their account."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update

from db.clock import utc_now
from db.models import ApiKey, User
from db.paging import Page, PageRequest, Sort, fetch_page
from db.session import ReadSession, WriteSession

NEWEST_FIRST: Sort[ApiKey] = Sort("-created", ApiKey.created_at, ApiKey.id, descending=True)


def lives() -> ColumnElement[bool]:
    """Return the condition for keys that have not expired; what was revoked is gone."""
    return ApiKey.expires_at > utc_now()


def with_digest(digest: bytes) -> ColumnElement[bool]:
    """Return the condition for the key with this digest."""
    return ApiKey.digest == digest


def with_id(key_id: UUID) -> ColumnElement[bool]:
    """Return the condition for the key with this id."""
    return ApiKey.id == key_id


async def find_with_user(session: ReadSession, which: ColumnElement[bool]) -> tuple[ApiKey | None, User | None]:
    """Return a key, expired or not, and its user unless that was deleted: one statement."""
    rows = await session.rows(
        select(ApiKey, User).outerjoin(User, (User.id == ApiKey.user_id) & User.deleted_at.is_(None)).where(which)
    )
    return (rows[0][0], rows[0][1]) if rows else (None, None)


async def find(session: ReadSession, user_id: UUID, key_id: UUID) -> ApiKey | None:
    """Return a user's key, expired or not."""
    return await session.one_or_none(select(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id))


async def is_living(session: ReadSession, key_id: UUID) -> bool:
    """Return whether a key lives."""
    return await session.one(select(exists().where(ApiKey.id == key_id, lives())))


async def count(session: ReadSession, user_id: UUID) -> int:
    """Return how many keys a user has, expired ones included."""
    return await session.one(select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user_id))


async def page(session: ReadSession, user_id: UUID, request: PageRequest[ApiKey]) -> Page[ApiKey]:
    """Return one page of a user's keys, expired ones included."""
    return await fetch_page(session, select(ApiKey).where(ApiKey.user_id == user_id), request)


async def delete_all_of(session: WriteSession, user_id: UUID) -> None:
    """Delete a user's keys."""
    await session.execute(delete(ApiKey).where(ApiKey.user_id == user_id))


async def note_use(session: WriteSession, key_id: UUID, now: datetime, *, unless_after: datetime) -> None:
    """Note that a key was used, unless that was noted after a moment. It waits for nobody but who ends this key."""
    late = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= unless_after)
    await session.execute(update(ApiKey).where(ApiKey.id == key_id, late).values(last_used_at=now))


async def remove_expired(session: WriteSession, moment: datetime) -> None:
    """Remove the keys that expired before a moment."""
    await session.execute(delete(ApiKey).where(ApiKey.expires_at < moment))
