"""Queries on the outbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from db.models import OutboxMail
from db.session import ReadSession, WriteSession


async def find(session: ReadSession, mail_id: UUID) -> OutboxMail | None:
    """Return a mail."""
    return await session.one_or_none(select(OutboxMail).where(OutboxMail.id == mail_id))


async def newest(session: ReadSession, limit: int) -> Sequence[OutboxMail]:
    """Return the last mails, the newest first."""
    return await session.all(
        select(OutboxMail).order_by(OutboxMail.created_at.desc(), OutboxMail.id.desc()).limit(limit)
    )


async def remove_before(session: WriteSession, moment: datetime) -> None:
    """Remove the mails that were written before a moment."""
    await session.execute(delete(OutboxMail).where(OutboxMail.created_at < moment))
