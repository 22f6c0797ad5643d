"""Read and write sessions: two types, so that a type checker stops a write through a read session.

They are thin covers of one `AsyncSession`. The transaction begins with the first statement, not
before: work that needs no database (hashing a password, say) holds no connection and no lock.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from sqlalchemy import Delete, Insert, Row, Select, Update, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from db.errors import DatabaseUnavailableError, translate_errors
from db.models.base import Base

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class ReadSession:
    """Runs SELECT statements in one transaction that is never committed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @asynccontextmanager
    async def _statement(self) -> "AsyncIterator[AsyncSession]":
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
        """Give the connection back before long work. The next statement begins a new transaction.

        Rows read so far stay readable, but belong to a transaction that is over: read them again
        before deciding anything by them.
        """
        self._session.expunge_all()  # A rollback would empty the rows it still knows.
        # A connection that is lost was rolled back by the database, and what was read stays true.
        with suppress(DatabaseUnavailableError), translate_errors():
            await self._session.rollback()


class WriteSession(ReadSession):
    """Reads and writes in one transaction; only its unit of work commits it."""

    def __init__(self, session: AsyncSession, gate: "WriteGate | None") -> None:
        super().__init__(session)
        self._gate = gate
        self._inside = False

    @asynccontextmanager
    async def _statement(self) -> "AsyncIterator[AsyncSession]":
        if self._gate is not None and not self._inside:
            await self._gate.enter()
            self._inside = True
        with translate_errors():
            yield self._session

    async def insert(self, *rows: Base) -> None:
        """Write new rows, in this order: without relationships the ORM does not know which needs which.

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

    async def release(self) -> None:
        """Undo what is not committed and give back the connection and, on SQLite, the turn to write."""
        try:
            await super().release()
        finally:
            self.leave()

    def leave(self) -> None:
        """Let the next writer of this process in."""
        if self._gate is not None and self._inside:
            self._inside = False
            self._gate.leave()


class WriteGate:
    """First come, first served among the writers of one process on SQLite.

    SQLite has one writer at a time and lets the others poll for their turn, which is unfair and
    keeps a thread busy for each. Inside a process an asyncio lock does better; between processes
    SQLite's busy timeout decides.
    """

    def __init__(self, timeout: float) -> None:
        self._lock = asyncio.Lock()
        self._timeout = timeout

    async def enter(self) -> None:
        """Wait for the turn to write.

        Raises:
            DatabaseUnavailableError: the turn did not come in time.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._lock.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailableError("the database is busy with other writes") from error

    def leave(self) -> None:
        """End the turn."""
        self._lock.release()
