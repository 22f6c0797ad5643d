"""Queries on invitations."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, delete, exists, select
from sqlalchemy.orm import aliased, joinedload

from db.clock import utc_now
from db.models import Invitation, Member, Role, User
from db.paging import Page, PageRequest, Sort, fetch_page
from db.session import ReadSession, WriteSession

WITH_NAMES = (joinedload(Invitation.workspace, innerjoin=True), joinedload(Invitation.inviter, innerjoin=True))
Condition = ColumnElement[bool]
"""Which invitations are meant."""

NEWEST_FIRST: Sort[Invitation] = Sort("-created", Invitation.created_at, Invitation.id, descending=True)


def open_ones() -> Select[Invitation]:
    """Select those that count: not expired, and from somebody who could still invite today."""
    own, inviter = aliased(Member), aliased(User)
    may_invite = exists().where(
        own.workspace_id == Invitation.workspace_id,
        own.user_id == Invitation.inviter_id,
        own.role == Role.ADMIN,
        inviter.id == Invitation.inviter_id,
        inviter.disabled.is_(False),
    )
    return select(Invitation).options(*WITH_NAMES).where(Invitation.expires_at > utc_now(), may_invite)


def addressed_to(user_id: UUID) -> Condition:
    """Return the condition for those whose address is that of an account, which has proven to read it."""
    # One value, by which the index finds them.
    address = select(User.email).where(User.id == user_id, User.email_verified_at.is_not(None))
    return Invitation.email == address.scalar_subquery()


async def find(session: ReadSession, invitation_id: UUID) -> Invitation | None:
    """Return an invitation, whether or not it counts, as it is now."""
    return await session.one_or_none(
        select(Invitation)
        .options(*WITH_NAMES)
        .where(Invitation.id == invitation_id)
        .execution_options(populate_existing=True)
    )


async def find_open(session: ReadSession, invitation_id: UUID) -> Invitation | None:
    """Return an invitation that counts, as it is now."""
    statement = open_ones().where(Invitation.id == invitation_id)
    return await session.one_or_none(statement.execution_options(populate_existing=True))


async def find_of_user(session: ReadSession, invitation_id: UUID, user_id: UUID) -> Invitation | None:
    """Return an invitation that counts and is addressed to the user, as it is now."""
    statement = open_ones().where(Invitation.id == invitation_id, addressed_to(user_id))
    return await session.one_or_none(statement.execution_options(populate_existing=True))


async def find_by_digest(session: ReadSession, digest: str) -> Invitation | None:
    """Return the invitation that counts by the digest of its letter's token, as it is now."""
    statement = open_ones().where(Invitation.digest == digest)
    return await session.one_or_none(statement.execution_options(populate_existing=True))


async def find_for(session: ReadSession, workspace_id: UUID, email: str) -> Invitation | None:
    """Return the invitation of an address into a workspace, whether or not it counts, as it is now."""
    return await session.one_or_none(
        select(Invitation)
        .options(*WITH_NAMES)
        .where(Invitation.workspace_id == workspace_id, Invitation.email == email)
        .execution_options(populate_existing=True)
    )


def workspace_of(invitation_id: UUID) -> ScalarSelect[UUID]:
    """Return the query that finds the workspace of an invitation."""
    return select(Invitation.workspace_id).where(Invitation.id == invitation_id).scalar_subquery()


async def page_of_workspace(
    session: ReadSession, workspace_id: UUID, request: PageRequest[Invitation]
) -> Page[Invitation]:
    """Return one page of a workspace's invitations that count."""
    return await fetch_page(session, open_ones().where(Invitation.workspace_id == workspace_id), request)


async def page_of_user(session: ReadSession, user_id: UUID, request: PageRequest[Invitation]) -> Page[Invitation]:
    """Return one page of the invitations that count and are addressed to a user."""
    return await fetch_page(session, open_ones().where(addressed_to(user_id)), request)


def into(workspace_ids: Collection[UUID]) -> Condition:
    """Return the condition for those into these workspaces."""
    return Invitation.workspace_id.in_(workspace_ids)


def from_inviter(user_id: UUID, workspace_id: UUID | None = None) -> Condition:
    """Return the condition for those from a user, into one workspace alone or into any."""
    own = Invitation.inviter_id == user_id
    return own if workspace_id is None else and_(own, Invitation.workspace_id == workspace_id)


async def all_open(session: ReadSession, condition: Condition) -> Sequence[Invitation]:
    """Return all that count and fulfil a condition, as they are now."""
    return await session.all(open_ones().where(condition).execution_options(populate_existing=True))


async def remove_expired(session: WriteSession, moment: datetime) -> None:
    """Remove what expired before a moment, except what somebody holds at present: it has another night."""
    expired = select(Invitation.id).where(Invitation.expires_at < moment).with_for_update(skip_locked=True)
    await session.execute(delete(Invitation).where(Invitation.id.in_(expired)))
