"""Engines for SQLite and PostgreSQL behind one `Database`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import aiosqlite
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.pool import QueuePool

from db.errors import translate_errors
from db.postgresql import postgresql_engine
from db.session import ReadSession, WriteSession
from db.sqlite import sqlite_engine, works
from db.turns import Caller, Turns
from db.unit_of_work import ReadUnit, UnitOfWork

if TYPE_CHECKING:
    from db.jobs.queue import Jobs

DISPOSE_SECONDS = 5.0
LOOK_SECONDS = 0.01

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


def normalise_url(address: str) -> URL:
    """Return the URL with the driver we use, e.g. `postgresql+asyncpg` for `postgres`.

    What follows `sqlite:///` is all one path, which may hold `?` and `#`: there are no options. `%20` is a blank.

    Raises:
        ValueError: the address is not a URL of SQLite or PostgreSQL.
    """
    try:
        url = make_url(address)
    except Exception as error:
        raise ValueError("it is not a URL") from error
    backend = url.drivername.split("+")[0]
    if backend not in _DRIVERS:
        raise ValueError(f"{backend} is not supported, use sqlite:/// or postgresql://")
    path = unquote(address.partition(":///")[2]) if backend == "sqlite" else ""
    return URL.create(_DRIVERS[backend], database=path) if path else url.set(drivername=_DRIVERS[backend])


def sqlite_address(path: Path) -> str:
    """Return the URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


@dataclass(frozen=True)
class DatabaseOptions:
    """Sizes and patience. Times are in seconds.

    `statement_timeout` is for reading; a statement that writes may have to wait for a lock besides.
    """

    pool_size: int = 10
    pool_timeout: float = 30.0
    busy_timeout: float = 30.0
    connect_timeout: float = 5.0
    statement_timeout: float | None = 5.0
    reads_per_caller: int = 2
    waiting_per_caller: int = 1000
    echo: bool = False


@dataclass(frozen=True)
class Shares:
    """How the connections are shared out: none of them can take what is another's.

    Writers of workspaces may all wait for locks that are held elsewhere; `spare` is for the writes of who signs in.
    """

    reads: int
    writes: int
    own: int
    spare: int

    @classmethod
    def of(cls, pool_size: int) -> "Shares":
        """Share out more for reads than for writes, each has one at least.

        Two come besides for Twofold itself, and one to spare where there is more than one for writes.
        """
        writes = max(round(pool_size * 0.4), 1)
        return cls(max(pool_size - writes, 1), writes, own=2, spare=min(writes - 1, 1))


class Database:
    """Opens read and write units of work on one database."""

    def __init__(self, address: str, options: DatabaseOptions | None = None) -> None:
        self.url = normalise_url(address)
        self.options = options or DatabaseOptions()
        self._connections: set[aiosqlite.Connection] = set()
        self._listeners: list[Callable[[UnitOfWork], None]] = []
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._jobs: Jobs | None = None
        shares = Shares.of(self.options.pool_size)
        self._writer = self._engine(shares.writes + shares.spare, writes=True)
        self._reader = self._engine(shares.reads)
        self._own_reader = self._engine(shares.own)
        # Somebody else's read finds a place even beside the keenest reader.
        most = max(min(self.options.reads_per_caller, shares.reads - 1), 1)
        self._reads = self._turns(shares.reads, each=most, seconds=self.options.pool_timeout)
        self._own_reads = self._turns(shares.own, each=1, seconds=self.options.pool_timeout)
        # SQLite has one writer at a time and lets the others poll for their turn, which is unfair and keeps a
        # thread busy for each; between processes its busy timeout decides.
        if self.is_sqlite:
            self._writes = self._turns(1, each=1, seconds=self.options.busy_timeout)
        else:
            places, seconds = shares.writes + shares.spare, self.options.pool_timeout
            self._writes = self._turns(places, each=1, seconds=seconds, spare=shares.spare)

    def _engine(self, size: int, *, writes: bool = False) -> AsyncEngine:
        options = self.options
        seconds = options.statement_timeout
        if seconds is not None and writes:
            seconds += max(options.pool_timeout, options.busy_timeout)
        if self.is_sqlite:
            begin: Any = "BEGIN IMMEDIATE" if writes else "BEGIN"
            return sqlite_engine(self.url, options, self._connections, begin=begin, size=size, seconds=seconds)
        engine = postgresql_engine(self.url, options, size=size, seconds=seconds)
        if writes:
            return engine
        # The options travel in the BEGIN statement itself.
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def _turns(self, places: int, *, each: int, seconds: float, spare: int = 0) -> Turns:
        return Turns(places, each=each, waiting=self.options.waiting_per_caller, seconds=seconds, spare=spare)

    def on_commit(self, listener: Callable[[UnitOfWork], None]) -> None:
        """Call the listener with every unit of work that was committed, after its commit."""
        self._listeners.append(listener)

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        """The engines, each with a pool of its own; the first one writes."""
        return self._writer, self._reader, self._own_reader

    @property
    def waiting_writers(self) -> int:
        """How many writers of this process wait for their turn."""
        return self._writes.waiting

    @property
    def waiting_readers(self) -> int:
        """How many readers of this process wait for their turn."""
        return self._reads.waiting

    def read(self, caller: Caller = None) -> AbstractAsyncContextManager[ReadUnit]:
        """Open a read transaction; every statement in it sees the same moment.

        A caller has at most so many at once, and waits for its turn with the first statement.
        """
        return self._read(self._reader, self._reads, caller)

    def own_read(self, purpose: str) -> AbstractAsyncContextManager[ReadUnit]:
        """Open a read transaction of Twofold itself, on connections that no caller can take.

        For what must go on however busy the rest is: the rights of open streams and their wake-ups, and the
        answer whether the database answers. There is one at once for each purpose.
        """
        return self._read(self._own_reader, self._own_reads, purpose)

    @asynccontextmanager
    async def _read(self, engine: AsyncEngine, turns: Turns, caller: Caller) -> AsyncIterator[ReadUnit]:
        async with AsyncSession(engine, expire_on_commit=False, autoflush=False) as session:
            reader = ReadSession(session, turns, caller)
            try:
                yield ReadUnit(reader)
            finally:
                await reader.release()

    @asynccontextmanager
    async def write(self, caller: Caller = None) -> AsyncIterator[UnitOfWork]:
        """Open a write transaction; it commits when the block ends without an exception, or with one that it keeps."""
        async with AsyncSession(self._writer, expire_on_commit=False, autoflush=False) as session:
            writer = WriteSession(session, self._writes, caller, by_workspace=not self.is_sqlite)
            try:
                uow = UnitOfWork(writer, self.jobs)
                try:
                    yield uow
                except Exception as error:
                    if error is not uow.kept:
                        raise
                await writer.commit()
            finally:
                # Roll back first: the next writer must not meet our transaction still open.
                await writer.release()
        for listener in self._listeners:
            listener(uow)
        if uow.kept is not None:
            raise uow.kept

    def jobs(self) -> "Jobs":
        """Return the jobs of this database. The first time takes a moment, which a server takes as it starts."""
        if self._jobs is None:
            from db.jobs.queue import Jobs  # noqa: PLC0415 - slow to import, and not every command needs it

            self._jobs = Jobs(self.url)
        return self._jobs

    async def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailableError: there was none.
        """
        with translate_errors():
            async with self._own_reader.connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close all connections, and wait for what works with them.

        What was cancelled may still be at its rollback, and would give its connection back to a pool that
        nobody closes any more. On SQLite each connection has a thread. One whose statement was cancelled ends
        a little later, and must do so before the event loop is gone. One that was cancelled while it was being
        prepared is in no pool, and nobody else closes it.
        """
        if self._jobs is not None:
            self._jobs.dispose()
        deadline = time.monotonic() + DISPOSE_SECONDS
        while self._is_at_work() and time.monotonic() < deadline:  # noqa: ASYNC110 - a pool tells nobody
            await asyncio.sleep(LOOK_SECONDS)
        for engine in self.engines:
            await engine.dispose()
        for connection in [one for one in self._connections if works(one)]:
            connection.stop()
            await asyncio.to_thread(connection._thread.join, max(deadline - time.monotonic(), 0))  # noqa: SLF001 - aiosqlite tells it to nobody
        self._connections.clear()

    def _is_at_work(self) -> bool:
        pools = [engine.pool for engine in self.engines]
        return any(isinstance(pool, QueuePool) and pool.checkedout() for pool in pools)
