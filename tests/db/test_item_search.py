"""Text is found by an index, and what is found is what the condition says, whatever was done to the rows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, make_url, select, text, update

from db import migrate
from db.engine import Database
from db.models import Item, User, Workspace
from db.models.base import new_id
from db.models.items import fold
from db.repositories.item_search import FEW, contains, trigrams
from tests import databases
from tests.doors.door import Door
from tests.doors.people import World

USES_THE_INDEX = {
    "sqlite": ("EXPLAIN QUERY PLAN", "VIRTUAL TABLE INDEX"),
    "postgresql": ("EXPLAIN", "ix_items_search_text"),
}


async def found(database: Database, words: str) -> list[str]:
    """Return the titles of the items that contain the words, in any case of letters."""
    async with database.read() as uow:
        return sorted(await uow.session.all(select(Item.title).where(contains(words))))


async def fill(database: Database, *texts: str) -> tuple[UUID, UUID]:
    """Write items with these titles into a new workspace; return its id and that of the owner."""
    workspace, user = Workspace(id=new_id(), name="w"), User(id=new_id(), name="u")
    async with database.write() as uow:
        await uow.session.insert(workspace, user)
        for start in range(0, len(texts), 1000):
            part = texts[start : start + 1000]
            await uow.session.insert(*(Item(workspace_id=workspace.id, owner_id=user.id, title=t) for t in part))
    return workspace.id, user.id


async def plan(database: Database, words: str) -> str:
    """Return how the database looks for the words; PostgreSQL would rather not use an index for so few rows."""
    explain, _ = USES_THE_INDEX[database.url.get_backend_name()]
    async with database.read() as uow:
        connection = await uow.session._session.connection()
        if not database.is_sqlite:
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        statement = select(Item.id).where(contains(words))
        compiled = statement.compile(connection.sync_engine, compile_kwargs={"literal_binds": True})
        rows = (await connection.exec_driver_sql(f"{explain} {compiled}".replace("%%", "%"))).all()
    return "\n".join(str(row) for row in rows)


async def test_text_is_found_by_an_index(database: Database) -> None:
    await fill(database, "Buy seeds")
    assert USES_THE_INDEX[database.url.get_backend_name()][1] in await plan(database, "seeds")


async def test_statements_beside_the_models_keep_the_index_right(database: Database) -> None:
    workspace_id, _ = await fill(database, "Buy seeds", "Sell seeds", "Dig")
    assert await found(database, "SEEDS") == ["Buy seeds", "Sell seeds"]
    async with database.write() as uow:
        await uow.session.execute(update(Item).where(Item.title == "Dig").values(search_text="plant seeds"))
        await uow.session.execute(update(Item).where(Item.title == "Buy seeds").values(search_text="buy trees"))
        await uow.session.execute(delete(Item).where(Item.title == "Sell seeds"))
    assert await found(database, "seeds") == ["Dig"]
    assert await found(database, "buy trees") == ["Buy seeds"]
    async with database.write() as uow:
        await uow.session.execute(delete(Item).where(Item.workspace_id == workspace_id))
    assert await found(database, "seeds") == []
    if database.is_sqlite:
        async with database.read() as uow:
            for nothing in ("item_search_rows", """item_search WHERE item_search MATCH '"see" OR "buy"'"""):
                counted = await uow.session._session.execute(text(f"SELECT count(*) FROM {nothing}"))  # noqa: S608 - as above
                assert counted.scalar() == 0


async def test_a_rollback_takes_the_index_back(database: Database) -> None:
    await fill(database, "Kept seeds")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole block is what fails
        async with database.write() as uow:
            await uow.session.execute(update(Item).values(search_text="lost"))
            raise ZeroDivisionError
    assert (await found(database, "kept"), await found(database, "lost")) == (["Kept seeds"], [])


async def test_more_than_the_index_is_worth_are_found_as_well(database: Database) -> None:
    await fill(database, *(f"Seed {number:04}" for number in range(FEW + 2)), "Tree")
    assert len(await found(database, "seed")) == FEW + 2
    assert await found(database, "seed 0001") == ["Seed 0001"]
    assert await found(database, "tree") == ["Tree"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_vacuum_does_not_mix_up_the_rows(database: Database) -> None:
    await fill(database, *(f"Seed {number}" for number in range(20)))
    async with database.write() as uow:
        await uow.session.execute(delete(Item).where(Item.title.in_([f"Seed {number}" for number in range(10)])))
    await database.dispose()
    with closing(sqlite3.connect(database.url.database or "", isolation_level=None)) as connection:
        connection.execute("VACUUM")
    assert await found(database, "seed 15") == ["Seed 15"]


LETTERS = "aAbßİıſ%_\\\"' *éÉΣς😀\n"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=6), data=st.data())
async def test_what_is_found_is_what_contains_the_words(database: Database, texts: list[str], data: Any) -> None:
    async with database.write() as uow:
        await uow.session.execute(delete(Item))
    await fill(database, *texts)
    whole = data.draw(st.sampled_from(texts))
    start = data.draw(st.integers(0, len(whole) - 1))
    words = data.draw(st.one_of(st.just(whole[start : start + 5]), st.text(LETTERS, min_size=1, max_size=5)))
    assert await found(database, words) == sorted(t for t in texts if fold(words) in fold(f"{t}\n"))


def test_trigrams_are_those_of_the_text_and_not_too_many() -> None:
    assert trigrams("ab") == []
    assert trigrams("ababa") == ["aba", "bab"]
    long = "".join(chr(0x100 + number) for number in range(200))
    some = trigrams(long)
    assert len(some) <= 32
    assert all(trigram in long for trigram in some)
    assert some[0] == long[:3]


async def test_an_update_renews_the_folded_copies(app: FastAPI, door: Door, world: World) -> None:
    async def listed(**query: Any) -> list[str]:
        items = await door.call(
            "list_items", token=world.editor.token, workspace_id=str(world.workspace), sort="title", **query
        )
        return [item["title"] for item in items["data"]]

    async def make(title: str) -> str:
        data = {"workspace_id": str(world.workspace), "title": title}
        return str((await door.call("create_item", token=world.editor.token, data=data))["id"])

    first, _ = await make("Apples"), await make("Beans")
    change = {"title": "CHERRIES", "description": "And more APPLES"}
    await door.call("update_item", token=world.editor.token, id=first, data=change)
    assert await listed() == ["Beans", "CHERRIES"]
    assert await listed(text="cherries") == ["CHERRIES"]
    assert await listed(text="apples") == ["CHERRIES"]
    await door.call("update_item", token=world.editor.token, id=first, data={"description": ""})
    assert await listed(text="apples") == []


@pytest.fixture(params=databases.KINDS)
def old_url(request: pytest.FixtureRequest, tmp_path: Path, worker: str) -> Iterator[str]:
    """The address of a database of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.db"
        return
    databases.require_postgresql()
    with databases.postgresql_address(f"{worker}_old") as address:
        yield address


async def test_the_migration_learns_what_is_there_and_can_be_taken_back(old_url: str) -> None:
    database = Database(old_url)
    await migrate.upgrade(database)
    await fill(database, "Old seeds")
    await migrate.downgrade(database, "0003")
    await migrate.upgrade(database)
    assert await found(database, "seeds") == ["Old seeds"]
    await fill(database, "New seeds")
    assert await found(database, "seeds") == ["New seeds", "Old seeds"]
    await database.dispose()


@pytest.mark.parametrize("old_url", ["postgresql"], indirect=True)
async def test_without_the_right_to_create_the_extension_every_item_is_looked_at(old_url: str, worker: str) -> None:
    role, url = f"poor_{worker}", make_url(old_url)
    owner = Database(old_url)
    poor = Database(url.set(username=role).render_as_string(hide_password=False))
    await migrate.downgrade(owner, "base")
    await execute(
        owner,
        "DROP EXTENSION pg_trgm",
        "DROP TABLE alembic_version",
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {role}",
        f"REVOKE CREATE ON DATABASE {url.database} FROM PUBLIC",
        "DROP SCHEMA dbos CASCADE",
        f"CREATE SCHEMA dbos AUTHORIZATION {role}",
    )
    try:
        await migrate.upgrade(poor)
        assert await migrate.is_current(poor)
        await fill(poor, "Buy seeds", "Dig")
        assert await found(poor, "SEED") == ["Buy seeds"]
    finally:
        await poor.dispose()
        await execute(owner, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
        await owner.dispose()


async def execute(database: Database, *statements: str) -> None:
    async with database.engines[0].begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
