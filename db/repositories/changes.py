"""Queries on logs: those of workspaces, and those that accounts have of their own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, cast, delete, func, literal, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from db.logs import Head, Log, LogKind, workspace_log
from db.models import Change, OwnChange, OwnLog, Workspace
from db.repositories.workspaces import readable
from db.scope import EVERYTHING, Scope
from db.session import ReadSession, WriteSession

AnyChange = Change | OwnChange


@dataclass(frozen=True)
class _Tables:
    """Where the entries of one kind of log stand, where its numbers are taken from, and who each belongs to."""

    entries: type[Change] | type[OwnChange]
    owner: InstrumentedAttribute[UUID]
    heads: type[Workspace] | type[OwnLog]
    key: InstrumentedAttribute[UUID]


_TABLES: Mapping[LogKind, _Tables] = {
    LogKind.WORKSPACE: _Tables(Change, Change.workspace_id, Workspace, Workspace.id),
    LogKind.ACCOUNT: _Tables(OwnChange, OwnChange.user_id, OwnLog, OwnLog.user_id),
}


def _may_read(scope: Scope, log: Log) -> ColumnElement[bool]:
    """Return the condition under which the scope may see a log: an account's is for nobody but itself."""
    if log.kind is LogKind.WORKSPACE:
        return readable(scope, Change.workspace_id.expression)
    return true() if scope is EVERYTHING else literal(scope == log.id)


async def append(session: WriteSession, rows: Sequence[dict[str, object]]) -> None:
    """Write entries of a workspace's log whose numbers were taken in this transaction."""
    await session.insert_many(Change, rows)


async def find_many(session: ReadSession, scope: Scope, keys: Collection[tuple[UUID, int]]) -> Sequence[Change]:
    """Return those of the entries, named by workspace and number, that the scope may see, in no order."""
    named = tuple_(Change.workspace_id, Change.seq).in_(keys)
    return await session.all(select(Change).where(named, readable(scope, Change.workspace_id.expression)))


async def after(
    session: ReadSession, scope: Scope, workspace_id: UUID, seq: int, limit: int, *, letters: int | None = None
) -> Sequence[Change]:
    """Return the entries of a workspace's log after a number: see `following`."""
    found = await following(session, scope, workspace_log(workspace_id), seq, limit, letters=letters)
    return [change for change in found if isinstance(change, Change)]


async def following(
    session: ReadSession, scope: Scope, log: Log, seq: int, limit: int, *, letters: int | None = None
) -> Sequence[AnyChange]:
    """Return the entries with a number above `seq`, in order, as far as the scope may see them.

    At most `limit` of them, and with `letters` no more than have about so many letters of state; but one at least.
    """
    tables = _TABLES[log.kind]
    entry: Any = tables.entries
    beyond = (tables.owner == log.id, entry.seq > seq, _may_read(scope, log))
    statement = select(entry).where(*beyond).order_by(entry.seq).limit(limit)
    if letters is not None:
        length = func.coalesce(func.length(cast(entry.state, Text)), 0) + func.length(cast(entry.changed, Text))
        # The limit stands inside, so that no plan adds up the rest of a long log.
        near = select(entry.seq, length.label("letters")).where(*beyond).order_by(entry.seq).limit(limit).subquery()
        running = select(near.c.seq, func.sum(near.c.letters).over(order_by=near.c.seq).label("letters")).subquery()
        last = select(func.max(running.c.seq)).where(running.c.letters <= letters).scalar_subquery()
        statement = statement.where(entry.seq <= func.coalesce(last, seq + 1))
    return await session.all(statement)


async def head(session: ReadSession, log: Log) -> Head:
    """Return how far a log goes; one that has no entry yet ends at 0."""
    tables = _TABLES[log.kind]
    rows = await session.rows(select(tables.heads.seq, tables.heads.trimmed_seq).where(tables.key == log.id))
    return Head(*rows[0]) if rows else Head(0, 0)


async def heads(session: ReadSession, logs: Collection[Log]) -> Mapping[Log, int]:
    """Return the number of the last change of each log: one statement for each kind of them."""
    found: dict[Log, int] = {}
    for kind, group in groupby(sorted(logs), lambda log: log.kind):
        tables = _TABLES[kind]
        ids = [log.id for log in group]
        rows = await session.rows(select(tables.key, tables.heads.seq).where(tables.key.in_(ids)))
        found |= {Log(kind, owner): seq for owner, seq in rows}
    return found


async def logs_before(session: ReadSession, before: datetime) -> Sequence[Log]:
    """Return the logs that begin before a time."""
    found: list[Log] = []
    for kind, tables in _TABLES.items():
        owners = await session.all(select(tables.owner).where(tables.entries.at < before).distinct())
        found += [Log(kind, owner) for owner in owners]
    return found


async def last_before(session: ReadSession, log: Log, before: datetime) -> int:
    """Return the number up to which every entry is older than a time; 0 if the log begins later.

    Clocks of several machines differ a little, so the times need not rise with the numbers.
    """
    tables = _TABLES[log.kind]
    own, seq = tables.owner == log.id, tables.entries.seq
    first_kept = await session.one_or_none(_of(func.min(seq)).where(own, tables.entries.at >= before))
    if first_kept is not None:
        return first_kept - 1
    return await session.one_or_none(_of(func.max(seq)).where(own)) or 0


async def trim(session: WriteSession, log: Log, seq: int) -> None:
    """Delete the entries up to a number."""
    tables = _TABLES[log.kind]
    await session.execute(delete(tables.entries).where(tables.owner == log.id, tables.entries.seq <= seq))


def _of(number: ColumnElement[int]) -> Select[int | None]:
    return select(number)
