"""Queries on users."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, or_, select, union_all
from sqlalchemy.orm import aliased, with_expression

from db.models import ApiKey, Member, User, UserRole, UserSession
from db.paging import Page, PageRequest, Sort, fetch_page
from db.repositories import api_keys, own_logs
from db.repositories.sessions import lives
from db.scope import EVERYTHING, Scope, Within
from db.session import ReadSession, WriteSession

BY_CREATED: Sort[User] = Sort("created", User.created_at, User.id)


Caller = tuple[UUID, UUID | None]
"""A user, and the session or API key that it calls by, or None where it needs none."""


class Standing(NamedTuple):
    """What a caller's right depends on; who needs neither session nor API key counts as signed in."""

    is_deleted: bool
    is_disabled: bool
    is_signed_in: bool


def standing_of(user: User, *, is_signed_in: bool) -> Standing:
    """Return how a loaded account stands."""
    return Standing(user.deleted_at is not None, user.disabled, is_signed_in)


def living() -> Select[User]:
    """Select the users that were not deleted."""
    return select(User).where(User.deleted_at.is_(None))


async def find(session: ReadSession, user_id: UUID) -> User | None:
    """Return a user that was not deleted."""
    return await session.one_or_none(living().where(User.id == user_id))


async def find_with_seq(session: ReadSession, user_id: UUID) -> User | None:
    """Return a user that was not deleted, with the number of the last change in its own log."""
    statement = living().where(User.id == user_id).options(with_expression(User.seq, own_logs.seq_of()))
    return await session.one_or_none(statement.execution_options(populate_existing=True))


async def find_by_email(session: ReadSession, email: str) -> User | None:
    """Return the user with this e-mail address, in the form in which it is stored."""
    return await session.one_or_none(living().where(User.email == email))


async def find_many(session: ReadSession, ids: Sequence[UUID]) -> Sequence[User]:
    """Return the users, deleted ones included, in no order: history keeps its authors."""
    return await session.all(select(User).where(User.id.in_(ids)))


async def find_known(session: ReadSession, scope: Scope, ids: Sequence[UUID]) -> Sequence[User]:
    """Return those of the users that the scope shares a workspace with, as it does with itself, in no order."""
    return await session.all(_known(scope).where(User.id.in_(ids)))


async def find_known_by_email(session: ReadSession, scope: Scope, email: str) -> User | None:
    """Return the user with this e-mail address, in the form in which it is stored, as `find_known` does."""
    return await session.one_or_none(_known(scope).where(User.email == email))


def _known(scope: Scope) -> Select[User]:
    statement = living()
    if scope is not EVERYTHING:
        own, other = aliased(Member), aliased(Member)
        whose = scope.user_id if isinstance(scope, Within) else scope
        shared = [own.user_id == whose, own.workspace_id == other.workspace_id, other.user_id == User.id.expression]
        if isinstance(scope, Within):
            shared.append(own.workspace_id == scope.workspace_id)
        statement = statement.where(exists().where(*shared))
    return statement


async def standings(session: ReadSession, callers: Collection[Caller]) -> Mapping[Caller, Standing]:
    """Return how the callers stand: one statement."""
    asked = {proof_id for _, proof_id in callers if proof_id is not None}
    proofs = union_all(
        select(UserSession.user_id, UserSession.id).where(UserSession.id.in_(asked), lives()),
        select(ApiKey.user_id, ApiKey.id).where(ApiKey.id.in_(asked), api_keys.lives()),
    ).subquery()
    rows = await session.rows(
        select(User.id, User.deleted_at.is_not(None), User.disabled, proofs.c.id)
        .outerjoin(proofs, proofs.c.user_id == User.id)
        .where(User.id.in_({user_id for user_id, _ in callers}))
    )
    accounts = {user_id: (deleted, disabled) for user_id, deleted, disabled, _ in rows}
    living = {(user_id, proof_id) for user_id, *_, proof_id in rows} | {(user_id, None) for user_id in accounts}
    return {caller: Standing(*accounts[caller[0]], caller in living) for caller in callers if caller[0] in accounts}


async def lock(session: WriteSession, user_id: UUID) -> User | None:
    """Return a user that was not deleted, locked until the end of the transaction."""
    return await session.one_or_none(
        living().where(User.id == user_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )


async def hold(session: WriteSession, user_id: UUID) -> User | None:
    """Return a user that was not deleted, and will not be until the end of the transaction."""
    return await session.one_or_none(
        living().where(User.id == user_id).with_for_update(read=True).execution_options(populate_existing=True)
    )


async def lock_with_administrators(session: WriteSession, user_id: UUID) -> Sequence[User]:
    """Return a user and all administrators that can sign in, locked in the order of their ids."""
    administrates = and_(User.role == UserRole.ADMIN, User.disabled.is_(False))
    return await session.all(
        living()
        .where(or_(User.id == user_id, administrates))
        .order_by(User.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


async def any_exists(session: ReadSession) -> bool:
    """Return whether there ever was a user."""
    return await session.one(select(func.count()).select_from(select(User.id).limit(1).subquery())) > 0


async def page(session: ReadSession, request: PageRequest[User]) -> Page[User]:
    """Return one page of all users."""
    return await fetch_page(session, living(), request)
