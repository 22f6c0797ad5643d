"""Queries on two-step sign-in."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from db.models import RecoveryCode, SignInChallenge, TwoStep, User
from db.session import ReadSession, WriteSession


async def find(session: ReadSession, user_id: UUID) -> TwoStep | None:
    """Return what an account shares with an app, as it is now, set up or not yet."""
    return await session.one_or_none(
        select(TwoStep).where(TwoStep.user_id == user_id).execution_options(populate_existing=True)
    )


async def find_code(session: ReadSession, user_id: UUID, digest: bytes) -> RecoveryCode | None:
    """Return a recovery code that was not used yet."""
    return await session.one_or_none(
        select(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.digest == digest)
    )


async def count_codes(session: ReadSession, user_id: UUID) -> int:
    """Return how many recovery codes are left."""
    return await session.one(select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id))


async def replace_codes(session: WriteSession, user_id: UUID, digests: Sequence[bytes]) -> None:
    """Let these be the recovery codes of an account, and no other ones."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await session.insert_many(RecoveryCode, [{"user_id": user_id, "digest": digest} for digest in digests])


async def find_challenge(session: ReadSession, challenge_id: UUID, now: datetime) -> SignInChallenge | None:
    """Return a challenge that has not expired."""
    return await session.one_or_none(
        select(SignInChallenge).where(SignInChallenge.id == challenge_id, SignInChallenge.expires_at > now)
    )


async def delete_expired_challenges(session: WriteSession, user_id: UUID, now: datetime) -> None:
    """Delete those challenges of an account that have expired."""
    await session.execute(
        delete(SignInChallenge).where(SignInChallenge.user_id == user_id, SignInChallenge.expires_at <= now)
    )


async def delete_all_of(session: WriteSession, user_id: UUID) -> None:
    """Delete all that an account has of it."""
    for table in (SignInChallenge, RecoveryCode, TwoStep):
        await session.execute(delete(table).where(table.user_id == user_id))


async def remove_expired(session: WriteSession, moment: datetime) -> None:
    """Remove the challenges that expired before a moment, and what began to be set up before it and never was."""
    await session.execute(delete(SignInChallenge).where(SignInChallenge.expires_at < moment))
    unused = select(User.id).where(User.two_step_since.is_(None))
    await session.execute(delete(TwoStep).where(TwoStep.created_at < moment, TwoStep.user_id.in_(unused)))
