"""The databases that the tests run on: SQLite always, PostgreSQL where it answers."""

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import make_url

from db import migrate
from db.engine import Database, DatabaseOptions
from db.models import Base

POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
"""Where the tests may create databases of their own."""

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
"""Where Redis or Valkey answers; tests leave nothing in it."""

KINDS = ("sqlite", "postgresql")


def require_postgresql() -> None:
    """Skip the test where PostgreSQL does not answer, unless that is a fault of the CI machine."""
    if not _answers():
        reason = f"PostgreSQL does not answer at {make_url(POSTGRESQL).host}; set TEST_POSTGRESQL_URL"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def require_redis() -> None:
    """Skip the test where Redis does not answer, unless that is a fault of the CI machine."""
    url = urlsplit(REDIS)
    if not _listens(url.hostname or "127.0.0.1", url.port or 6379):
        reason = f"Redis does not answer at {url.hostname}; set TEST_REDIS_URL"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def _answers() -> bool:
    url = make_url(POSTGRESQL)
    return _listens(url.host or "127.0.0.1", url.port or 5432)


@cache
def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def sqlite_address(folder: Path, template: Path) -> str:
    """Return the address of a new, migrated SQLite database in the folder."""
    path = folder / "twofold.db"
    if not template.exists():
        asyncio.run(_migrate(f"sqlite:///{template}"))
    shutil.copy(template, path)
    return f"sqlite:///{path}"


@contextmanager
def postgresql_address(worker: str, *, migrated: bool = True) -> Iterator[str]:
    """Give the address of a PostgreSQL database that lives as long as the block."""
    name = f"twofold_test_{worker}"
    asyncio.run(run_sql(f'CREATE DATABASE "{name}"'))
    try:
        address = make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
        if migrated:
            asyncio.run(_migrate(address))
        yield address
    finally:
        asyncio.run(run_sql(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def empty(address: str) -> None:
    """Delete all rows, in one transaction: for the few that a test leaves, TRUNCATE takes ten times as long."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    jobs = ("workflow_status", "workflow_input", "workflow_output", "operation_outputs")
    connection = await asyncpg.connect(make_url(address).set(drivername="postgresql").render_as_string(False))
    try:
        await connection.execute(
            "".join(f"DELETE FROM {name};" for name in (*tables, *(f"dbos.{name}" for name in jobs)))  # noqa: S608 - the names are ours
        )
    finally:
        await connection.close()


async def run_sql(statement: str, address: str = POSTGRESQL) -> None:
    """Run a statement as who may do everything, in the given database."""
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _migrate(address: str) -> None:
    database = Database(address, DatabaseOptions(pool_size=1))
    await migrate.upgrade(database)
    await database.dispose()
    if database.is_sqlite:
        # Without its write-ahead log the one file is the whole database, and can be copied.
        assert not Path(f"{database.url.database}-wal").exists()
