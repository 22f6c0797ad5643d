"""Queries on requests that were done under a key."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from db.models import DoneRequest
from db.session import ReadSession, WriteSession


async def find(session: ReadSession, caller: str, key: str) -> DoneRequest | None:
    """Return what this caller did under the key, if anything."""
    return await session.one_or_none(select(DoneRequest).where(DoneRequest.caller == caller, DoneRequest.key == key))


async def add(session: WriteSession, caller: str, key: str, digest: str, answer: dict[str, Any] | None) -> None:
    """Note that it was done.

    Raises:
        ConstraintViolatedError: the same caller did something under this key meanwhile.
    """
    await session.insert(DoneRequest(caller=caller, key=key, digest=digest, answer=answer))


async def forget(session: WriteSession, before: datetime) -> None:
    """Remove those that were done before a time."""
    await session.execute(delete(DoneRequest).where(DoneRequest.at < before))
