"""Queries on the processes that do jobs."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select

from db.models import Worker
from db.session import ReadSession, WriteSession


async def seen_since(session: ReadSession, moment: datetime) -> Sequence[str]:
    """Return the workers that said since a moment that they are there."""
    return await session.all(select(Worker.id).where(Worker.seen_at >= moment))


async def say_present(session: WriteSession, worker_id: str, now: datetime, *, gone: datetime) -> None:
    """Note that a worker is there, and forget those that did not say so since `gone`."""
    await session.execute(delete(Worker).where(or_(Worker.id == worker_id, Worker.seen_at < gone)))
    await session.insert(Worker(id=worker_id, seen_at=now))


async def say_goodbye(session: WriteSession, worker_id: str) -> None:
    """Note that a worker is gone."""
    await session.execute(delete(Worker).where(Worker.id == worker_id))
