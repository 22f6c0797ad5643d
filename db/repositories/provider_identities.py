"""Queries on the people of sign-in providers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from db.models import ProviderIdentity, UsedOidcSignIn
from db.session import ReadSession, WriteSession


async def find_user_id(session: ReadSession, issuer: str, subject: str) -> UUID | None:
    """Return whose account somebody at a provider signs in to."""
    statement = select(ProviderIdentity.user_id)
    return await session.one_or_none(
        statement.where(ProviderIdentity.issuer == issuer, ProviderIdentity.subject == subject)
    )


async def has_one(session: ReadSession, user_id: UUID, issuer: str) -> bool:
    """Return whether somebody at a provider signs in to an account."""
    statement = select(func.count()).select_from(ProviderIdentity)
    return (
        await session.one(statement.where(ProviderIdentity.user_id == user_id, ProviderIdentity.issuer == issuer)) > 0
    )


async def is_used(session: ReadSession, sign_in_id: UUID) -> bool:
    """Return whether a sign-in was used."""
    return await session.one_or_none(select(UsedOidcSignIn.id).where(UsedOidcSignIn.id == sign_in_id)) is not None


async def delete_all_of(session: WriteSession, user_id: UUID) -> None:
    """Let nobody at any provider sign in to an account."""
    await session.execute(delete(ProviderIdentity).where(ProviderIdentity.user_id == user_id))


async def forget_used(session: WriteSession, moment: datetime) -> None:
    """Forget the sign-ins that would have expired before a moment."""
    await session.execute(delete(UsedOidcSignIn).where(UsedOidcSignIn.expires_at < moment))
