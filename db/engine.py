"""Engines for SQLite and PostgreSQL behind one `Database`."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiosqlite
from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from db.errors import translate_errors
from db.files import make_file, make_folder
from db.session import ReadSession, WriteGate, WriteSession
from db.unit_of_work import ReadUnit, UnitOfWork

DISPOSE_SECONDS = 5.0

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
    """Sizes and patience. Times are in seconds."""

    pool_size: int = 10
    pool_timeout: float = 30.0
    busy_timeout: float = 30.0
    connect_timeout: float = 5.0
    statement_timeout: float | None = 60.0
    echo: bool = False


class Database:
    """Opens read and write units of work on one database."""

    def __init__(self, address: str, options: DatabaseOptions | None = None) -> None:
        self.url = normalise_url(address)
        self.options = options or DatabaseOptions()
        self._connections: set[aiosqlite.Connection] = set()
        self._listeners: list[Callable[[UnitOfWork], None]] = []
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._writer = _sqlite_engine(self.url, self.options, "BEGIN IMMEDIATE", self._connections)
            self._reader = _sqlite_engine(self.url, self.options, "BEGIN", self._connections)
            self._gate: WriteGate | None = WriteGate(self.options.busy_timeout)
        else:
            self._writer = _postgresql_engine(self.url, self.options)
            # Both share one pool; the options travel in the BEGIN statement itself.
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._gate = None

    def on_commit(self, listener: Callable[[UnitOfWork], None]) -> None:
        """Call the listener with every unit of work that was committed, after its commit."""
        self._listeners.append(listener)

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        """The engines with a pool of their own."""
        return (self._writer, self._reader) if self.is_sqlite else (self._writer,)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadUnit]:
        """Open a read transaction; every statement in it sees the same moment."""
        async with AsyncSession(self._reader, expire_on_commit=False, autoflush=False) as session:
            reader = ReadSession(session)
            try:
                yield ReadUnit(reader)
            finally:
                await reader.release()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """Open a write transaction; it commits when the block ends without an exception."""
        async with AsyncSession(self._writer, expire_on_commit=False, autoflush=False) as session:
            writer = WriteSession(session, self._gate)
            try:
                uow = UnitOfWork(writer)
                yield uow
                await writer.commit()
            finally:
                # Roll back first: the next writer must not meet our transaction still open.
                await writer.release()
        for listener in self._listeners:
            listener(uow)

    async def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailableError: there was none.
        """
        with translate_errors():
            async with self._reader.connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close all connections, and wait for what works for them.

        On SQLite each connection has a thread. One whose statement was cancelled ends a little later,
        and must do so before the event loop is gone. One that was cancelled while it was being
        prepared is in no pool, and nobody else closes it.
        """
        for engine in self.engines:
            await engine.dispose()
        deadline = time.monotonic() + DISPOSE_SECONDS
        for connection in [one for one in self._connections if _works(one)]:
            connection.stop()
            await asyncio.to_thread(connection._thread.join, max(deadline - time.monotonic(), 0))  # noqa: SLF001 - aiosqlite tells it to nobody
        self._connections.clear()


class SqliteConnection(aiosqlite.Connection):
    """aiosqlite's connection, whose thread can be told to end by several without one waiting for ever."""

    _stopping: "asyncio.Future[None] | None" = None

    def stop(self) -> "asyncio.Future[None] | None":
        """Tell the thread to end, and return the future of that.

        The thread answers nothing after it was told, so a second time means the same future. SQLAlchemy
        says it while a close is under way, when a request is cancelled at its end.
        """
        self._stopping = self._stopping or super().stop()
        return self._stopping


def _sqlite_engine(
    url: URL, options: DatabaseOptions, begin: str, connections: set[aiosqlite.Connection]
) -> AsyncEngine:
    if url.database:
        make_folder(Path(url.database))

    def open_connection(*arguments: Any, **named: Any) -> aiosqlite.Connection:
        """Open a connection that is known from its first moment, however soon it is cancelled."""
        if url.database not in (None, "", ":memory:"):
            make_file(Path(str(url.database)))
        connections.difference_update([old for old in connections if not _works(old)])
        connection = SqliteConnection(partial(sqlite3.connect, *arguments, **named), iter_chunk_size=64)
        connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does it for its own
        connections.add(connection)
        return connection

    engine = create_async_engine(
        url,
        echo=options.echo,
        hide_parameters=True,
        pool_size=options.pool_size,
        max_overflow=0,
        pool_timeout=options.pool_timeout,
        # Without an isolation level the driver begins nothing by itself, and BEGIN is ours to say.
        connect_args={
            "timeout": options.busy_timeout,
            "isolation_level": None,
            "async_creator_fn": open_connection,
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        # NORMAL may forget the last commits when the power fails. Numbers that a subscriber has
        # seen would then be given a second time, so every commit waits for the disk.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if begin == "BEGIN":
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _works(connection: aiosqlite.Connection) -> bool:
    return connection._thread.is_alive()  # noqa: SLF001 - as above


def _postgresql_engine(url: URL, options: DatabaseOptions) -> AsyncEngine:
    return create_async_engine(
        url,
        echo=options.echo,
        hide_parameters=True,
        pool_size=options.pool_size,
        max_overflow=0,
        pool_timeout=options.pool_timeout,
        pool_pre_ping=True,
        connect_args={
            "timeout": options.connect_timeout,
            # Counted on our side: behind a network that swallows everything, nobody else would end the wait.
            "command_timeout": options.statement_timeout,
            "server_settings": {
                "application_name": "twofold",
                "lock_timeout": f"{int(options.pool_timeout * 1000)}",
                # Twice as long, or who waits for a lock would give up just when it is freed.
                "idle_in_transaction_session_timeout": f"{int(options.pool_timeout * 2000)}",
            },
        },
    )
