"""Queries on tokens that were sent by mail."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, select

from db.models import MailPurpose, MailToken
from db.session import ReadSession, WriteSession


async def find(session: ReadSession, token_id: UUID) -> MailToken | None:
    """Return a token, whether or not it still counts."""
    return await session.one_or_none(select(MailToken).where(MailToken.id == token_id))


def _valid(digest: str, purposes: tuple[MailPurpose, ...], now: datetime) -> Select[MailToken]:
    return select(MailToken).where(
        MailToken.digest == digest,
        MailToken.purpose.in_(purposes),
        MailToken.expires_at > now,
        MailToken.used_at.is_(None),
    )


async def find_valid(
    session: ReadSession, digest: str, purposes: tuple[MailPurpose, ...], now: datetime
) -> MailToken | None:
    """Return a token that counts for one of the purposes."""
    return await session.one_or_none(_valid(digest, purposes, now))


async def lock_valid(
    session: WriteSession, digest: str, purposes: tuple[MailPurpose, ...], now: datetime
) -> MailToken | None:
    """Return a token that counts for one of the purposes, locked until the end of the transaction."""
    statement = _valid(digest, purposes, now).with_for_update().execution_options(populate_existing=True)
    return await session.one_or_none(statement)


async def remove_expired(session: WriteSession, moment: datetime) -> None:
    """Remove the tokens that expired before a moment, used or not."""
    await session.execute(delete(MailToken).where(MailToken.expires_at < moment))
