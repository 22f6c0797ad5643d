"""Waiting for a condition, with a limit, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import make_url

from db.engine import Database

LIMIT_SECONDS = 60.0


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition is met."""
    end = time.monotonic() + LIMIT_SECONDS
    while not await condition():
        assert time.monotonic() < end, "the condition was never met"
        await asyncio.sleep(0.01)


def someone_waits(database: Database) -> Callable[[], Awaitable[bool]]:
    """Return the question whether a writer stands in line behind another one, of this process or inside PostgreSQL."""

    async def waits() -> bool:
        if database.is_sqlite or database.waiting_writers:
            return database.waiting_writers > 0
        waiting = await ask_postgresql(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        return waiting > 0

    return waits


async def ask_postgresql(database: Database, statement: str) -> int:
    """Run a statement on a connection of its own and return its one value."""
    address = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(address)
    try:
        value: int = await connection.fetchval(statement)
    finally:
        await connection.close()
    return value
