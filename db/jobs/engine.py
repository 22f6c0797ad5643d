"""What DBOS is told: where its tables are, and how a job is written down."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dbos import DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from db.errors import translate_errors
from db.files import make_file, make_folder

T = TypeVar("T")

APPLICATION = "twofold"
QUEUE = "twofold"
VERSION = "1"
"""Pinned: left to itself, DBOS makes a version of the code, and a changed line would orphan the jobs before it."""

SERIALIZER = DBOSPortableJSONSerializer()
"""JSON: the default is pickle, which runs whatever somebody wrote into the table."""

POOL_SIZE = 4
BUSY_SECONDS = 30.0


def job_engine(url: URL) -> Engine:
    """Return an engine for the threads of DBOS, which knows no asynchronous one. It connects when first used."""
    if url.get_backend_name() == "postgresql":
        return create_engine(_for_psycopg(url), pool_size=POOL_SIZE, max_overflow=0, pool_pre_ping=True)
    engine = create_engine(
        url.set(drivername="sqlite"),
        pool_size=POOL_SIZE,
        max_overflow=0,
        # What begins by reading may find that it cannot go on writing; this waits for its turn first.
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": "IMMEDIATE"},
    )

    @event.listens_for(engine, "do_connect")
    def make(*_: Any) -> None:
        if url.database:
            make_folder(Path(url.database))
            make_file(Path(url.database))

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return engine


def _for_psycopg(url: URL) -> URL:
    """Return the address in the words of the other driver, which calls `ssl` by libpq's name."""
    query = {("sslmode" if name == "ssl" else name): value for name, value in url.query.items()}
    return url.set(drivername="postgresql+psycopg", query=query)


def job_client(engine: Engine) -> DBOSClient:
    """Return a client, which runs nothing. It connects when first used."""
    return DBOSClient(
        system_database_engine=engine,
        serializer=SERIALIZER,
        application_name=APPLICATION,
        lazy=True,
        # Who asks is told that the database does not answer, like anybody else.
        retry_connection_errors=False,
    )


async def in_thread(function: Callable[[], T]) -> T:
    """Let a thread do what waits for the database.

    Raises:
        DatabaseError: it failed.
    """
    with translate_errors():
        return await asyncio.to_thread(function)


def quieten() -> None:
    """Let DBOS log through our handlers, and only what somebody should look at."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        # With a handler of its own it adds none, and what it says goes up to ours.
        logger.addHandler(logging.NullHandler())
        logger.addFilter(_is_news)
    logger.setLevel(logging.WARNING)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what every shutdown does, and failures of jobs, which have a line of ours."""
    return not str(record.msg).startswith(("Asyncio task cancelled", "Exception encountered in asynchronous workflow"))
