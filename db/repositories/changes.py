"""Queries on the change log."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, Text, cast, delete, func, select, tuple_

from db.models import Change
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession, WriteSession


async def append(session: WriteSession, rows: Sequence[dict[str, object]]) -> None:
    """Write entries whose numbers were taken in this transaction."""
    await session.insert_many(Change, rows)


async def find_many(session: ReadSession, scope: Scope, keys: Collection[tuple[UUID, int]]) -> Sequence[Change]:
    """Return those of the entries, named by workspace and number, that the scope may see, in no order."""
    named = tuple_(Change.workspace_id, Change.seq).in_(keys)
    return await session.all(select(Change).where(named, readable(scope, Change.workspace_id.expression)))


async def after(
    session: ReadSession, scope: Scope, workspace_id: UUID, seq: int, limit: int, *, letters: int | None = None
) -> Sequence[Change]:
    """Return the entries with a number above `seq`, in order, as far as the scope may see them.

    At most `limit` of them, and with `letters` no more than have about so many letters of state; but one at least.
    """
    following = (
        Change.workspace_id == workspace_id,
        Change.seq > seq,
        readable(scope, Change.workspace_id.expression),
    )
    statement = select(Change).where(*following).order_by(Change.seq).limit(limit)
    if letters is not None:
        length = func.coalesce(func.length(cast(Change.state, Text)), 0) + func.length(cast(Change.changed, Text))
        # The limit stands inside, so that no plan adds up the rest of a long log.
        near = (
            select(Change.seq, length.label("letters")).where(*following).order_by(Change.seq).limit(limit).subquery()
        )
        running = select(near.c.seq, func.sum(near.c.letters).over(order_by=near.c.seq).label("letters")).subquery()
        last = select(func.max(running.c.seq)).where(running.c.letters <= letters).scalar_subquery()
        statement = statement.where(Change.seq <= func.coalesce(last, seq + 1))
    return await session.all(statement)


async def workspaces_before(session: ReadSession, before: datetime) -> Sequence[UUID]:
    """Return the workspaces whose log begins before a time."""
    return await session.all(select(Change.workspace_id).where(Change.at < before).distinct())


async def last_before(session: ReadSession, workspace_id: UUID, before: datetime) -> int:
    """Return the number up to which every entry is older than a time; 0 if the log begins later.

    Clocks of several machines differ a little, so the times need not rise with the numbers.
    """
    own = Change.workspace_id == workspace_id
    first_kept = await session.one_or_none(_lowest().where(own, Change.at >= before))
    if first_kept is not None:
        return first_kept - 1
    return await session.one_or_none(select(func.max(Change.seq)).where(own)) or 0


async def trim(session: WriteSession, workspace_id: UUID, seq: int) -> None:
    """Delete the entries up to a number."""
    await session.execute(delete(Change).where(Change.workspace_id == workspace_id, Change.seq <= seq))


def _lowest() -> Select[int | None]:
    return select(func.min(Change.seq))
