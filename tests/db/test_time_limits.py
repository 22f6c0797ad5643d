"""Every statement ends: in its time, and soon after whoever asked for it is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, literal, select

from api.config import Settings
from api.server.startup import run_with_database
from db.engine import Database, DatabaseOptions
from db.errors import StatementTimeoutError
from db.models import Workspace
from db.sqlite import works
from tests.chaos.waiting import ask_postgresql, until
from tests.conftest import make_settings

# Both databases can count for ever.
_numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
_numbers = _numbers.union_all(select(_numbers.c.n + 1))
ENDLESS = select(func.count()).select_from(_numbers)
LENGTH = 1_000_000
LONG = select(func.count()).select_from(select(_numbers.c.n).limit(LENGTH).subquery())
ENDLESS_WRITE = insert(Workspace).from_select(["name"], select(func.count()).select_from(_numbers))


@asynccontextmanager
async def patience(database_url: str, **options: Any) -> AsyncIterator[Database]:
    database = Database(database_url, DatabaseOptions(**options))
    yield database
    await database.dispose()


async def names(database: Database) -> list[str]:
    async with database.read() as uow:
        return list(await uow.session.all(select(Workspace.name)))


async def test_a_read_that_takes_too_long_is_ended_and_leaves_the_connection_usable(database_url: str) -> None:
    async with patience(database_url, statement_timeout=0.1, pool_size=1) as database:
        async with database.write() as uow:
            await uow.session.insert(Workspace(name="kept"))
        for read in (database.read, partial(database.own_read, "test")):
            with pytest.raises(StatementTimeoutError):
                async with read() as uow:
                    await uow.session.one(ENDLESS)
            async with read() as uow:
                assert await uow.session.all(select(Workspace.name)) == ["kept"]


async def test_a_write_that_takes_too_long_is_ended_and_wrote_nothing(database_url: str) -> None:
    options = {"statement_timeout": 0.1, "pool_timeout": 0.1, "busy_timeout": 0.1, "pool_size": 1}
    async with patience(database_url, **options) as database:
        with pytest.raises(StatementTimeoutError):  # noqa: PT012 - the whole block is what fails
            async with database.write() as uow:
                await uow.session.insert(Workspace(name="lost"))
                await uow.session.execute(ENDLESS_WRITE)
        assert await names(database) == []
        async with database.write() as uow:
            await uow.session.insert(Workspace(name="kept"))
        assert await names(database) == ["kept"]


async def test_nobody_works_for_who_is_gone(database_url: str) -> None:
    async with patience(database_url, statement_timeout=600.0) as database:
        statements: list[str] = []
        event.listen(
            database.engines[1].sync_engine, "before_cursor_execute", lambda *execution: statements.append(execution[2])
        )

        async def ask() -> None:
            async with database.read() as uow:
                await uow.session.one(ENDLESS)

        async def begun() -> bool:
            return bool(statements) and (database.is_sqlite or await at_work() == 1)

        async def over() -> bool:
            # A thread of SQLite ends when its statement has.
            return not any(works(one) for one in database._connections) if database.is_sqlite else await at_work() == 0

        async def at_work() -> int:
            return await ask_postgresql(
                database,
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'WITH RECURSIVE%'",
            )

        task = asyncio.create_task(ask())
        await until(begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(over)


def test_commands_take_the_time_they_need(database_url: str, tmp_path: Path) -> None:
    settings = make_settings(database_url, tmp_path, statement_seconds=0.01)
    counted = []

    async def count(settings: Settings, database: Database) -> None:
        hasty = Database(settings.database_address, settings.database_options)
        async with hasty.read() as uow:
            with pytest.raises(StatementTimeoutError):
                await uow.session.one(LONG)
        await hasty.dispose()
        async with database.read() as uow:
            counted.append(await uow.session.one(LONG))

    run_with_database(settings, count)
    assert counted == [LENGTH]
