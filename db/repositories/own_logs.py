"""Queries on the logs that accounts have of their own."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Uuid,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from db.json_texts import JsonTexts
from db.models import Invitation, Member, OwnChange, OwnLog, User
from db.session import WriteSession


class Audience(NamedTuple):
    """Queries: for the accounts that are told something, and for those whose logs are locked before that is asked."""

    told: Select[UUID]
    held: Select[UUID]


def only(user_id: UUID) -> Audience:
    """Return one account."""
    own = select(User.id).where(User.id == user_id)
    return Audience(own, own)


def readers_of(email: str) -> Audience:
    """Return who has an address and has proven to read it, for whom alone is what is sent there.

    Whoever confirms an address holds the log of that account first (`hold`), and looks for what is sent there
    after that; so each of the two writers is done before the other one looks.
    """
    owner = select(User.id).where(User.email == email, User.deleted_at.is_(None))
    return Audience(owner.where(User.email_verified_at.is_not(None)), owner)


def invited_by(user_id: UUID) -> Audience:
    """Return whoever a user has invited and is not there yet, whose workspaces are locked."""
    addresses = select(Invitation.email).where(Invitation.inviter_id == user_id)
    invited = select(User.id).where(User.email.in_(addresses))
    return Audience(invited, invited)


def invited_into(workspace_ids: Collection[UUID]) -> Audience:
    """Return whoever is invited into workspaces, which are locked."""
    addresses = select(Invitation.email).where(Invitation.workspace_id.in_(workspace_ids))
    invited = select(User.id).where(User.email.in_(addresses))
    return Audience(invited, invited)


def members_of(workspace_id: UUID) -> Audience:
    """Return the members of a workspace, which is locked."""
    belonging = select(Member.user_id).where(Member.workspace_id == workspace_id)
    return Audience(belonging, belonging)


def who_heard_of(workspace_ids: Collection[UUID]) -> Audience:
    """Return the accounts whose logs tell of workspaces."""
    found = select(OwnChange.user_id).where(OwnChange.workspace_id.in_(workspace_ids))
    return Audience(found, found)


async def forget(session: WriteSession, workspace_ids: Collection[UUID]) -> None:
    """Empty what logs, which are all locked, tell of workspaces that are deleted."""
    told = OwnChange.workspace_id.in_(workspace_ids)
    await session.execute(update(OwnChange).where(told).values(state=null(), changed={}))


async def hold(session: WriteSession, audiences: Sequence[Audience]) -> None:
    """Lock the logs of accounts in the order of their ids until the end of the transaction, making those that lack."""
    found = union(*(audience.held for audience in audiences)).subquery()
    owners = select(found.c[0], literal(0), literal(0)).where(found.c[0].is_not(None)).order_by(found.c[0])
    kind: Any = sqlite_insert if session.is_sqlite else postgresql_insert
    statement = kind(OwnLog).from_select(["user_id", "last_seq", "trimmed_seq"], owners)
    # An update that changes nothing: it is for the lock.
    await session.execute(
        statement.on_conflict_do_update(index_elements=[OwnLog.user_id], set_={"last_seq": OwnLog.seq})
    )


async def take_seqs(session: WriteSession, audience: Audience, number: int) -> Mapping[UUID, int]:
    """Reserve the next `number` numbers in the log of each account that is told, and return the last of them."""
    rows = await session.returned(
        update(OwnLog)
        .where(OwnLog.user_id.in_(audience.told))
        .values(seq=OwnLog.seq + number)
        .returning(OwnLog.user_id, OwnLog.seq)
    )
    return {row.user_id: row.seq for row in rows}


async def append(session: WriteSession, user_ids: Collection[UUID], before_last: int, row: dict[str, Any]) -> None:
    """Write one entry into the logs of these accounts, under the number so much before the last that each has taken.

    It is the same statement however many they are, none included.
    """
    texts = literal([user_id.hex for user_id in user_ids], JSON)
    asked = select(cast(JsonTexts(texts).table_valued("value").c.value, Uuid))
    columns = OwnChange.__table__.columns
    values: dict[str, ColumnElement[Any]] = {name: literal(value, columns[name].type) for name, value in row.items()}
    entries = select(OwnLog.user_id, OwnLog.seq - before_last, *values.values()).where(OwnLog.user_id.in_(asked))
    await session.execute(insert(OwnChange).from_select(["user_id", "seq", *values], entries))


async def remove(session: WriteSession, user_id: UUID) -> None:
    """Remove an account's log; first what is locked, so that nobody is just writing into it."""
    for table in (OwnLog, OwnChange):
        await session.execute(delete(table).where(table.user_id == user_id))


async def lock(session: WriteSession, user_id: UUID) -> OwnLog | None:
    """Return an account's log, locked until the end of the transaction."""
    return await session.one_or_none(
        select(OwnLog)
        .where(OwnLog.user_id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def seq_of() -> ColumnElement[int]:
    """Return the number of the last change in the log of the account that a query selects."""
    own = select(OwnLog.seq).where(OwnLog.user_id == User.id).correlate(User).scalar_subquery()
    return func.coalesce(own, 0)
