"""Transactions: what is kept, what is undone, and how failures are called."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, event, exc, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import TextClause

from db.engine import Database, DatabaseOptions, normalise_url
from db.errors import (
    ConstraintViolatedError,
    DatabaseUnavailableError,
    DiskFullError,
    StatementTimeoutError,
    translate_errors,
)
from db.models import Member, Role, User, Workspace
from db.session import ReadSession
from db.sqlite import SqliteConnection
from db.unit_of_work import UnitOfWork
from tests.chaos.waiting import until


class OopsError(Exception):
    """Anything that goes wrong in a block."""


async def count(database: Database) -> int:
    async with database.read() as uow:
        return await uow.session.one(select(func.count()).select_from(Workspace))


async def raw(session: ReadSession, statement: TextClause) -> Any:
    """Run what a session offers no method for."""
    return (await session._session.execute(statement)).scalar()


async def test_a_block_that_ends_well_is_committed(database: Database) -> None:
    async with database.write() as uow:
        await uow.session.insert(Workspace(name="kept"))
        assert await count(database) == 0
    assert await count(database) == 1


async def test_an_exception_undoes_the_whole_block(database: Database) -> None:
    with pytest.raises(OopsError):  # noqa: PT012 - the whole block is what fails
        async with database.write() as uow:
            await uow.session.insert(Workspace(name="a"))
            await uow.session.insert(Workspace(name="b"))
            raise OopsError
    assert await count(database) == 0


async def test_an_exception_that_is_kept_is_told_and_undoes_nothing(database: Database) -> None:
    told: list[UnitOfWork] = []
    database.on_commit(told.append)
    with pytest.raises(OopsError):  # noqa: PT012 - the whole block is what fails
        async with database.write() as uow:
            await uow.session.insert(Workspace(name="a"))
            raise uow.keep(OopsError())
    assert (await count(database), told) == (1, [uow])


async def test_another_exception_than_the_one_that_is_kept_undoes_the_block(database: Database) -> None:
    with pytest.raises(OopsError):  # noqa: PT012 - as above
        async with database.write() as uow:
            await uow.session.insert(Workspace(name="a"))
            uow.keep(OopsError())
            raise OopsError
    assert await count(database) == 0


async def test_a_failing_commit_undoes_the_whole_block_and_is_told(database: Database) -> None:
    def fail(_connection: Any) -> None:
        raise exc.OperationalError("COMMIT", None, OSError("the disk is full"))

    engine = database.engines[0].sync_engine
    event.listen(engine, "commit", fail)
    with pytest.raises(DatabaseUnavailableError):
        async with database.write() as uow:
            await uow.session.insert(Workspace(name="lost"))
    event.remove(engine, "commit", fail)
    assert await count(database) == 0
    async with database.write() as uow:
        await uow.session.insert(Workspace(name="kept"))
    assert await count(database) == 1


async def test_a_cancelled_block_is_undone_and_lets_the_next_writer_in(database: Database) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.write() as uow:
            await uow.session.insert(Workspace(name="lost"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), database.write() as uow:
        await uow.session.insert(Workspace(name="kept"))
    assert await count(database) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_next_writer_comes_when_the_one_before_has_rolled_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolling_back, may_roll_back = asyncio.Event(), asyncio.Event()
    rollback = SqliteConnection.rollback

    async def roll_back_later(connection: SqliteConnection) -> None:
        rolling_back.set()
        await may_roll_back.wait()
        await rollback(connection)

    async def write(name: str, *, fails: bool) -> None:
        async with database.write() as uow:
            await uow.session.insert(Workspace(name=name))
            if fails:
                raise OopsError

    async def second_waits() -> bool:
        return database.waiting_writers == 1

    monkeypatch.setattr(SqliteConnection, "rollback", roll_back_later)
    first = asyncio.create_task(write("lost", fails=True))
    await rolling_back.wait()
    second = asyncio.create_task(write("kept", fails=False))
    await until(second_waits)
    may_roll_back.set()
    with pytest.raises(OopsError):
        await first
    await second
    assert await count(database) == 1


async def test_a_refused_row_is_a_constraint_violation_that_undoes_everything(database: Database) -> None:
    for refused in (
        User(name="b", email="a@example.com"),
        Member(workspace_id=uuid4(), user_id=uuid4(), role=Role.VIEWER),
    ):
        with pytest.raises(ConstraintViolatedError):  # noqa: PT012 - as above
            async with database.write() as uow:
                await uow.session.insert(Workspace(name="lost"), User(name="a", email="a@example.com"))
                await uow.session.insert(refused)
    assert await count(database) == 0


@pytest.mark.parametrize(
    "statement",
    [
        insert(Workspace).values(id=uuid4(), name="x", personal=False, seq=0, version=1),
        update(Workspace).values(name="x"),
        delete(Workspace),
        text("DROP TABLE changes"),
    ],
)
async def test_a_read_session_cannot_write(database: Database, statement: Any) -> None:
    async with database.write() as uow:
        await uow.session.insert(Workspace(name="kept"))
    async with database.read() as uow:
        with pytest.raises(exc.DBAPIError, match=r"readonly database|read-only transaction"):
            await uow.session._session.execute(statement)
    async with database.read() as uow:
        assert await uow.session.all(select(Workspace.name)) == ["kept"]


async def test_every_statement_of_a_read_sees_the_same_moment(database: Database) -> None:
    async with database.read() as uow:
        before = await uow.session.one(select(func.count()).select_from(Workspace))
        async with database.write() as writing:
            await writing.session.insert(Workspace(name="late"))
        assert await uow.session.one(select(func.count()).select_from(Workspace)) == before == 0
        await uow.session.release()
        assert await uow.session.one(select(func.count()).select_from(Workspace)) == 1


async def test_a_released_session_keeps_what_it_read_and_begins_anew(database: Database) -> None:
    async with database.write() as uow:
        await uow.session.insert(Workspace(name="kept"))
    async with database.read() as reading:
        (workspace,) = await reading.session.all(select(Workspace))
        await reading.session.release()
        assert workspace.name == "kept"
        assert await reading.session.all(select(Workspace.name)) == ["kept"]


async def test_sqlite_is_set_up_for_many_readers_one_writer_and_power_cuts(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    async with database.read() as reading, database.write() as writing:
        for uow, query_only in ((reading, 1), (writing, 0)):
            for name, value in {**wanted, "query_only": query_only}.items():
                assert await raw(uow.session, text(f"PRAGMA {name}")) == value
    await database.dispose()


async def test_postgresql_reads_are_read_only_and_of_one_moment(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    async with database.read() as uow:
        assert await raw(uow.session, text("SHOW transaction_read_only")) == "on"
        assert await raw(uow.session, text("SHOW transaction_isolation")) == "repeatable read"
    async with database.write() as uow:
        assert await raw(uow.session, text("SHOW transaction_read_only")) == "off"
        assert await raw(uow.session, text("SHOW transaction_isolation")) == "read committed"
    await database.dispose()


async def test_waiting_too_long_for_the_turn_to_write_is_unavailable(sqlite_url: str) -> None:
    database = Database(sqlite_url, DatabaseOptions(busy_timeout=0.05))
    async with database.write() as uow:
        await uow.session.insert(Workspace(name="first"))
        with pytest.raises(DatabaseUnavailableError):
            async with database.write() as second:
                await second.session.insert(Workspace(name="second"))
    async with database.write() as third:
        await third.session.insert(Workspace(name="third"))
    async with database.read() as reading:
        assert sorted(await reading.session.all(select(Workspace.name))) == ["first", "third"]
    await database.dispose()


async def test_waiting_too_long_for_a_locked_row_is_unavailable(postgresql_url: str) -> None:
    holder, waiter = Database(postgresql_url), Database(postgresql_url, DatabaseOptions(pool_timeout=0.05))
    async with holder.write() as uow:
        await uow.session.insert(Workspace(name="before"))
    async with holder.write() as uow:
        await uow.session.execute(update(Workspace).values(name="held"))
        with pytest.raises(DatabaseUnavailableError):
            async with waiter.write() as other:
                await other.session.execute(update(Workspace).values(name="refused"))
    async with waiter.read() as reading:
        assert await reading.session.all(select(Workspace.name)) == ["held"]
    await holder.dispose()
    await waiter.dispose()


async def test_waiting_too_long_for_a_connection_is_unavailable(database_url: str) -> None:
    database = Database(database_url, DatabaseOptions(pool_size=1, pool_timeout=0.05))
    async with database.engines[0].connect():
        with pytest.raises(DatabaseUnavailableError):
            async with database.write() as uow:
                await uow.session.insert(Workspace(name="lost"))
    async with database.write() as uow:
        await uow.session.insert(Workspace(name="kept"))
    assert await count(database) == 1
    await database.dispose()


async def test_another_process_that_holds_the_sqlite_file_makes_it_unavailable(sqlite_url: str) -> None:
    holder, waiter = Database(sqlite_url), Database(sqlite_url, DatabaseOptions(busy_timeout=0.05))
    async with holder.write() as uow:
        await uow.session.insert(Workspace(name="held"))
        with pytest.raises(DatabaseUnavailableError):
            async with waiter.write() as other:
                await other.session.insert(Workspace(name="refused"))
    assert await count(waiter) == 1
    await holder.dispose()
    await waiter.dispose()


async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    for address in ("postgresql://postgres@127.0.0.1:1/none", f"sqlite:///{tmp_path}/folder.db"):
        database = Database(address)
        with pytest.raises(DatabaseUnavailableError):
            await database.ping()
        with pytest.raises(DatabaseUnavailableError):
            await count(database)
        with pytest.raises(DatabaseUnavailableError):
            async with database.write() as uow:
                await uow.session.insert(Workspace(name="lost"))
        await database.dispose()


class RefusedError(Exception):
    """What a driver raises, with PostgreSQL's SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exc.IntegrityError("INSERT", None, RefusedError("23505")), ConstraintViolatedError),
        *(
            (exc.DBAPIError("SELECT", None, RefusedError(state)), DatabaseUnavailableError)
            for state in ("08006", "53300")
        ),
        *(
            (exc.DBAPIError("SELECT", None, RefusedError(state)), DatabaseUnavailableError)
            for state in ("57P01", "58030")
        ),
        *(
            (exc.DBAPIError("SELECT", None, RefusedError(state)), DatabaseUnavailableError)
            for state in ("55P03", "40P01")
        ),
        *(
            (exc.DBAPIError("SELECT", None, RefusedError(state)), kind)
            for state, kind in (("57014", StatementTimeoutError), ("53100", DiskFullError))
        ),
        (exc.OperationalError("SELECT", None, Exception("database is locked")), DatabaseUnavailableError),
        (exc.TimeoutError("the pool"), DatabaseUnavailableError),
        (ConnectionRefusedError("nobody there"), DatabaseUnavailableError),
        (exc.ProgrammingError("SELEC", None, RefusedError("42601")), exc.ProgrammingError),
        (exc.DataError("SELECT", None, RefusedError("22003")), exc.DataError),
        (OopsError(), OopsError),
    ],
)
def test_failures_are_told_in_few_words(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught, translate_errors():
        raise error
    assert caught.type is kind


def test_addresses_get_the_driver_we_use() -> None:
    for address, driver in {
        "sqlite:///a.db": "sqlite+aiosqlite",
        "postgres://h/d": "postgresql+asyncpg",
        "postgresql+psycopg2://h/d": "postgresql+asyncpg",
    }.items():
        assert normalise_url(address).drivername == driver
    for address, problem in {"mysql://h/d": "mysql is not supported", "nonsense": "not a URL"}.items():
        with pytest.raises(ValueError, match=problem):
            normalise_url(address)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_connection_that_is_told_to_stop_while_it_closes_is_closed(database: Database) -> None:
    await count(database)
    connections = list(database._connections)
    assert connections
    for connection in connections:
        closing = asyncio.create_task(connection.close())
        # As SQLAlchemy does it when whoever waits for the close is cancelled.
        await asyncio.sleep(0)
        connection.stop()
        await asyncio.wait_for(closing, 10)
        assert connection._connection is None


async def test_who_is_still_at_work_at_the_end_is_waited_for(database: Database) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with database.read() as uow:
            await raw(uow.session, text("SELECT 1"))
            inside.set()
            await go_on.wait()

    working = asyncio.create_task(work())
    await inside.wait()
    closing = asyncio.create_task(database.dispose())
    # It would be over at once if it did not wait.
    done, _ = await asyncio.wait([closing], timeout=0.3)
    assert not done
    go_on.set()
    await asyncio.gather(working, closing)


async def test_a_rollback_is_finished_although_its_request_is_cancelled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollback, begun, go = AsyncSession.rollback, asyncio.Event(), asyncio.Event()

    async def slow(session: AsyncSession) -> None:
        begun.set()
        await go.wait()
        await rollback(session)

    monkeypatch.setattr(AsyncSession, "rollback", slow)
    reading = asyncio.create_task(count(database))
    await begun.wait()
    for _ in range(2):
        reading.cancel()
        await asyncio.sleep(0)
    assert not reading.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert database.waiting_readers == 0
    assert await count(database) == 0
