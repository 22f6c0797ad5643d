"""Read and write sessions: two types, so that a type checker stops a write through a read session.

They are thin covers of one `AsyncSession`. The transaction begins with the first statement, not
before: work that needs no database (hashing a password, say) holds no connection and no lock.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple
from uuid import UUID

from sqlalchemy import Delete, Insert, Row, ScalarSelect, Select, Update, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from db.errors import DatabaseUnavailableError, translate_errors
from db.models.base import Base
from db.turns import Caller, Shared, Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class ReadSession:
    """Runs SELECT statements in one transaction that is never committed."""

    def __init__(self, session: AsyncSession, turns: Turns, caller: Caller) -> None:
        self._session = session
        self._turns = turns
        self._caller = caller
        self._key: Hashable = None
        self._inside = False

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite, for the few queries that must know."""
        return self._session.get_bind().dialect.name == "sqlite"

    def on_account_of(self, caller: Caller) -> None:
        """Let it be this caller whose turn is waited for; before the first statement."""
        self._caller = caller

    async def _enter(self, key: Hashable) -> None:
        """Wait for a turn, unless this transaction has one: nothing waits for a second one with the first in hand."""
        if not self._inside:
            await self._turns.enter(key, self._caller)
            self._key, self._inside = key, True

    @asynccontextmanager
    async def _statement(self) -> "AsyncIterator[AsyncSession]":
        await self._enter(self._caller)
        with translate_errors():
            yield self._session

    async def all(self, statement: Select[T]) -> Sequence[T]:
        """Return the first column of every row."""
        async with self._statement() as session:
            return (await session.scalars(statement)).all()

    async def rows(self, statement: Select[*Ts]) -> Sequence[Row[*Ts]]:
        """Return whole rows."""
        async with self._statement() as session:
            return (await session.execute(statement)).all()

    async def one_or_none(self, statement: Select[T]) -> T | None:
        """Return the first column of the only row, or None when there is no row."""
        async with self._statement() as session:
            return (await session.scalars(statement)).one_or_none()

    async def one(self, statement: Select[T]) -> T:
        """Return the first column of the only row, which must exist."""
        async with self._statement() as session:
            return (await session.scalars(statement)).one()

    async def release(self) -> None:
        """Give connection and turn back before long work. The next statement begins a new transaction.

        Rows read so far stay readable, but belong to a transaction that is over: read them again
        before deciding anything by them.
        """
        self._session.expunge_all()  # A rollback would empty the rows it still knows.
        try:
            # A connection that is lost was rolled back by the database, and what was read stays true.
            with suppress(DatabaseUnavailableError), translate_errors():
                await _to_the_end(self._session.rollback())
        finally:
            # Only now: the next one must meet neither our transaction still open nor our connection taken.
            if self._inside:
                self._inside = False
                self._turns.leave(self._key)


class WriteSession(ReadSession):
    """Reads and writes in one transaction; only its unit of work commits it."""

    def __init__(self, session: AsyncSession, turns: Turns, caller: Caller, *, by_workspace: bool) -> None:
        super().__init__(session, turns, caller)
        self._by_workspace = by_workspace

    async def line_up(self, workspace_id: UUID | ScalarSelect[UUID]) -> None:
        """Wait for the turn to write in a workspace, or in that which a query finds, without a connection in hand.

        Its writers would else wait for each other's lock inside the database, and all others for their
        connections. In a transaction that has begun nothing is waited for: its lock must do. Nor is it on
        SQLite, which has one turn for the whole database, taken by the first statement.
        """
        if self._inside or not self._by_workspace:
            return
        if isinstance(workspace_id, UUID):
            await self._enter(Shared(workspace_id))
            return
        found = await self.one_or_none(select(workspace_id))
        await self.release()
        if found is not None:
            await self._enter(Shared(found))

    async def insert(self, *rows: Base) -> None:
        """Write new rows, in this order: without relationships the ORM does not know which needs which.

        Of a row that is there already, what changed is written.

        Raises:
            ConstraintViolatedError: a row was refused.
        """
        for _, group in groupby(rows, type):
            self._session.add_all(group)
            await self.flush()

    async def flush(self) -> None:
        """Write what changed in loaded rows.

        Raises:
            ConstraintViolatedError: a row was refused.
        """
        async with self._statement() as session:
            await session.flush()

    async def execute(self, statement: Insert | Update | Delete) -> None:
        """Run a statement that returns nothing."""
        async with self._statement() as session:
            await session.execute(statement, execution_options={"synchronize_session": False})

    async def insert_many(self, table: type[Base], rows: Sequence[dict[str, object]]) -> None:
        """Insert plain rows, many at a time."""
        async with self._statement() as session:
            await session.execute(insert(table), rows)

    async def returning(self, statement: ReturningInsert[T] | ReturningUpdate[T]) -> T:
        """Run a statement and return the first column of its only row; loaded rows learn their new values."""
        async with self._statement() as session:
            return (await session.scalars(statement, execution_options={"synchronize_session": "evaluate"})).one()

    async def returned(self, statement: ReturningUpdate[*Ts]) -> Sequence[Row[*Ts]]:
        """Run a statement and return the rows that it returns."""
        async with self._statement() as session:
            return (await session.execute(statement, execution_options={"synchronize_session": False})).all()

    async def on_connection(self, work: Callable[[Session], None]) -> None:
        """Do what a library without asyncio does, in this transaction."""
        async with self._statement() as session:
            await session.run_sync(work)

    async def delete(self, row: Base) -> None:
        """Delete a loaded row now."""
        async with self._statement() as session:
            await session.delete(row)
            await session.flush()

    def expunge(self, rows: Iterable[Base]) -> None:
        """Forget written rows, so that a long transaction does not keep them all in memory."""
        for row in rows:
            self._session.expunge(row)

    async def commit(self) -> None:
        """Make the writes last. Called by the unit of work alone."""
        with translate_errors():
            await self._session.commit()


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do something to its end even if whoever wants it is cancelled meanwhile, which it learns afterwards.

    A rollback that is broken off costs the connection, and leaves the pool with an error to report.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()
        raise cancelled
    task.result()
