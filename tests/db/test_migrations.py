"""Migrations say the same as the models, and can be taken back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, inspect, select, text

from db import migrate
from db.engine import Database
from db.models import Base, Change, ChangeKind, EntityKind, Item, Tombstone, User, Workspace
from db.models.base import new_id
from db.models.search import is_modelled
from tests import databases

TABLES = {table.name for table in Base.metadata.sorted_tables}


@pytest.fixture(params=databases.KINDS)
def own_url(request: pytest.FixtureRequest, tmp_path: Path, worker: str) -> Iterator[str]:
    """The address of a database that no other test sees, as these tests change its tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/own.db"
        return
    databases.require_postgresql()
    with databases.postgresql_address(f"{worker}_own") as address:
        yield address


@pytest.fixture
async def own(own_url: str) -> AsyncIterator[Database]:
    database = Database(own_url)
    await migrate.upgrade(database)
    yield database
    await database.dispose()


async def ask(database: Database, question: Any) -> Any:
    async with database.engines[0].connect() as connection:
        return await connection.run_sync(question)


def differences(metadata: MetaData) -> Any:
    """Return the question what a migration to these models would still have to do."""

    def compare(connection: Connection) -> list[Any]:
        found: list[Any] = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_modelled}), metadata
        )
        return found

    return compare


def tables(connection: Connection) -> set[str]:
    names = inspect(connection).get_table_names()
    return {name for name in names if is_modelled(None, name, "table")}


async def test_migrations_and_models_agree(own: Database) -> None:
    assert await ask(own, differences(Base.metadata)) == []


async def test_the_comparison_would_notice_a_column_that_no_migration_makes(own: Database) -> None:
    changed = MetaData()
    for table in Base.metadata.sorted_tables:
        table.to_metadata(changed)
    items: Table = changed.tables["items"]
    items.append_column(Column("weight", Integer))
    ((kind, _, table_name, column),) = await ask(own, differences(changed))
    assert (kind, table_name, column.name) == ("add_column", "items", "weight")


async def test_all_migrations_can_be_taken_back_and_applied_again(own: Database) -> None:
    assert await ask(own, tables) == TABLES | {"alembic_version"}
    assert await migrate.is_current(own)

    await migrate.downgrade(own, "base")
    assert await ask(own, tables) == {"alembic_version"}
    assert not await migrate.is_current(own)

    await migrate.upgrade(own)
    assert await migrate.is_current(own)
    assert await ask(own, differences(Base.metadata)) == []


async def test_a_newer_engine_of_jobs_gets_a_revision_of_ours(own: Database) -> None:
    """By our revision alone a server knows whether its database lacks anything: add one, if only an empty one."""
    table, version = ("dbos_migrations", 125) if own.is_sqlite else ("dbos.dbos_migrations", 125)
    async with own.engines[0].connect() as connection:
        found = (await connection.execute(text(f"SELECT version FROM {table}"))).scalars().all()  # noqa: S608 - ours
    assert found == [version]


async def test_several_may_migrate_at_once(own: Database) -> None:
    await migrate.downgrade(own, "base")
    others = [Database(own.url.render_as_string(hide_password=False)) for _ in range(4)]
    await asyncio.gather(*(migrate.upgrade(other) for other in others))
    assert await ask(own, tables) == TABLES | {"alembic_version"}
    for other in others:
        assert await migrate.is_current(other)
        await other.dispose()


async def test_addresses_are_renewed_in_the_spelling_in_which_they_are_looked_up(own: Database) -> None:
    await migrate.downgrade(own, "0002")
    before = {
        "ｗide@example.com": "wide@example.com",
        "ﬁne@example.com": "ﬁne@example.com",  # another account has the address it would get
        "fine@example.com": "fine@example.com",
        "zoë@bücher.example": "zoë@bücher.example",
    }

    def sign_up(connection: Connection) -> None:
        for name in before:
            connection.execute(insert(User).values(email=name, name=name))

    async with own.engines[0].begin() as connection:
        await connection.run_sync(sign_up)
    await migrate.upgrade(own)
    async with own.read() as uow:
        found = await uow.session.all(select(User))
    assert {user.name: user.email for user in found} == before


async def test_what_an_older_log_says_of_deleted_rows_becomes_tombstones(own: Database) -> None:
    workspace, user = Workspace(id=new_id(), name="w"), User(id=new_id(), name="u")
    gone, living = new_id(), new_id()
    told = [
        (EntityKind.ITEM, gone, 1),
        (EntityKind.ITEM, gone, 4),
        (EntityKind.ITEM, living, 2),
        (EntityKind.MEMBER, user.id, 3),
        (EntityKind.WORKSPACE, workspace.id, 1),
    ]
    async with own.write() as uow:
        item = Item(id=living, workspace_id=workspace.id, owner_id=user.id, title="x")
        await uow.session.insert(workspace, user, item)
        for seq, (entity, entity_id, version) in enumerate(told, 1):
            about = {"entity": entity, "entity_id": entity_id, "version": version}
            change = Change(workspace_id=workspace.id, seq=seq, kind=ChangeKind.DELETED, changed={}, **about)
            await uow.session.insert(change)
    await migrate.downgrade(own, "0003")
    await migrate.upgrade(own)
    async with own.read() as reading:
        found = await reading.session.all(select(Tombstone))
    assert {(one.entity, one.entity_id, one.workspace_id, one.version) for one in found} == {
        (EntityKind.ITEM, gone, workspace.id, 4),
        (EntityKind.MEMBER, user.id, workspace.id, 3),
    }
