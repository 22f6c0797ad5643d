"""Connections to SQLite, each with a thread of its own: how they are opened, and how a statement is ended."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from db.files import make_file, make_folder

if TYPE_CHECKING:
    from db.engine import DatabaseOptions

INTERRUPT_AGAIN_SECONDS = 0.05


class Work:
    """Something that a connection's thread shall do, and whether it has."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.is_over = False

    def __call__(self) -> Any:
        """Do it, in the thread."""
        try:
            return self._function()
        finally:
            self.is_over = True


class SqliteConnection(aiosqlite.Connection):
    """aiosqlite's connection, whose statements end in time, and whose thread can be told to end by several.

    A statement that takes longer than `seconds`, or whose caller is gone, is interrupted: its thread would
    else go on with what nobody waits for.
    """

    _stopping: "asyncio.Future[None] | None" = None
    seconds: float | None = None

    def stop(self) -> "asyncio.Future[None] | None":
        """Tell the thread to end, and return the future of that.

        The thread answers nothing after it was told, so a second time means the same future. SQLAlchemy
        says it while a close is under way, when a request is cancelled at its end.
        """
        self._stopping = self._stopping or super().stop()
        return self._stopping

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Let the thread do something: all that the driver does comes through here."""
        work = Work(partial(fn, *args, **kwargs))
        timer = None
        if self.seconds is not None:
            timer = asyncio.get_running_loop().call_later(self.seconds, self._interrupt, work)
        try:
            return await super()._execute(work)  # type: ignore[no-untyped-call]  # aiosqlite left its types out
        except asyncio.CancelledError:
            self._interrupt(work)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _interrupt(self, work: Work) -> None:
        """End the work; asked again until it has ended, as what has not begun cannot be interrupted."""
        if work.is_over or self._connection is None:
            return
        # Its thread may be closing it just now.
        with suppress(sqlite3.ProgrammingError):
            self._connection.interrupt()
        asyncio.get_running_loop().call_later(INTERRUPT_AGAIN_SECONDS, self._interrupt, work)


def sqlite_engine(
    url: URL,
    options: "DatabaseOptions",
    connections: set[aiosqlite.Connection],
    *,
    begin: Literal["BEGIN", "BEGIN IMMEDIATE"],
    size: int,
    seconds: float | None,
) -> AsyncEngine:
    """Return an engine with a pool of so many connections, whose statements may take so many seconds.

    Every connection is put into `connections`, however soon whoever wanted it is cancelled.
    """
    if url.database:
        make_folder(Path(url.database))

    def open_connection(*arguments: Any, **named: Any) -> aiosqlite.Connection:
        if url.database not in (None, "", ":memory:"):
            make_file(Path(str(url.database)))
        connections.difference_update([old for old in connections if not works(old)])
        connection = SqliteConnection(partial(sqlite3.connect, *arguments, **named), iter_chunk_size=64)
        connection.seconds = seconds
        connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does it for its own
        connections.add(connection)
        return connection

    engine = create_async_engine(
        url,
        echo=options.echo,
        hide_parameters=True,
        pool_size=size,
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


def works(connection: aiosqlite.Connection) -> bool:
    """Return whether the connection's thread is alive."""
    return connection._thread.is_alive()  # noqa: SLF001 - aiosqlite tells it to nobody
