"""The database goes away and comes back: clients hear UNAVAILABLE meanwhile, and nobody restarts anything."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from api.core.errors import AppError, ErrorCode
from api.schemas.items import ItemCreate
from api.services.items import create_item
from api.services.users import get_me
from db.engine import Database, DatabaseOptions
from db.errors import DatabaseUnavailableError
from db.repositories import users
from tests.chaos.proxy import Proxy, proxy_to
from tests.chaos.waiting import LIMIT_SECONDS, ask_postgresql, someone_waits, until
from tests.conftest import client_of, make_settings, running
from tests.doors.door import Door, DoorError, GraphQLDoor, RestDoor
from tests.doors.people import World, make_world

SENTENCE = "The database does not answer. Try again in a moment."


@pytest.fixture
async def wire(postgresql_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of PostgreSQL and the address through it."""
    async with proxy_to(postgresql_url) as wire:
        yield wire


@pytest.fixture
async def far_app(wire: tuple[Proxy, str], tmp_path: Path) -> AsyncIterator[FastAPI]:
    """The application, whose PostgreSQL is behind the proxy."""
    async with running(make_settings(wire[1], tmp_path)) as app:
        yield app


@pytest.fixture
async def far_client(far_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Its client."""
    async with client_of(far_app) as client:
        yield client


@pytest.fixture(params=[RestDoor, GraphQLDoor])
def far_door(request: pytest.FixtureRequest, far_app: FastAPI, far_client: httpx.AsyncClient) -> Door:
    """Its doors."""
    door: Door = request.param(far_app, far_client)
    return door


def item_in(world: World, **values: Any) -> dict[str, Any]:
    return {"workspace_id": str(world.workspace), "title": "Kept", **values}


async def refusal(door: Door, operation: str, **arguments: Any) -> tuple[str, str]:
    """Return code and message of the error that a call is answered with."""
    with pytest.raises(DoorError) as caught:
        await door.call(operation, **arguments)
    return caught.value.code, caught.value.message


async def log_of(door: Door, world: World) -> list[tuple[int, str]]:
    """Return numbers and entities of the workspace's log."""
    log = await door.call("list_changes", token=world.viewer.token, id=str(world.workspace), limit=100)
    return [(entry["seq"], entry["entity"]) for entry in log["data"]]


BEFORE = [(1, "workspace"), (2, "member"), (3, "member"), (4, "member")]


async def test_a_cut_database_is_unavailable_at_both_doors_and_recovers_by_itself(
    wire: tuple[Proxy, str], far_app: FastAPI, far_client: httpx.AsyncClient, far_door: Door
) -> None:
    proxy, _ = wire
    world = await make_world(far_app)
    await far_door.call("create_item", token=world.editor.token, data=item_in(world))

    await proxy.cut()
    assert await refusal(far_door, "get_me", token=world.editor.token) == ("UNAVAILABLE", SENTENCE)
    answer = await refusal(far_door, "create_item", token=world.editor.token, data=item_in(world, title="Lost"))
    assert answer == ("UNAVAILABLE", SENTENCE)
    ready = await far_client.get("/ready")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "2")
    assert ready.headers["content-type"] == "application/problem+json"
    assert ready.json()["error"]["code"] == "UNAVAILABLE"
    alive = await far_client.get("/health")
    assert (alive.status_code, alive.json()) == (200, {"status": "healthy"})

    await proxy.mend()
    assert (await far_client.get("/ready")).json() == {"status": "healthy", "wake_ups": "process"}
    await far_door.call("create_item", token=world.editor.token, data=item_in(world))
    assert await log_of(far_door, world) == [*BEFORE, (5, "item"), (6, "item")]


async def test_503_at_rest_says_when_to_try_again_and_graphql_says_it_in_its_own_shape(
    wire: tuple[Proxy, str], far_app: FastAPI, far_client: httpx.AsyncClient
) -> None:
    world = await make_world(far_app)
    await wire[0].cut()
    headers = {"Authorization": f"Bearer {world.editor.token}", "X-Request-ID": "while-it-is-away"}
    error = {"code": "UNAVAILABLE", "details": {}, "request_id": "while-it-is-away"}

    by_rest = await far_client.get("/api/items", headers=headers)
    assert (by_rest.status_code, by_rest.headers["retry-after"]) == (503, "2")
    assert by_rest.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": SENTENCE,
        "error": {**error, "message": SENTENCE},
    }
    by_graphql = await far_client.post("/graphql", headers=headers, json={"query": "{ me { name } }"})
    assert [(entry["message"], entry["extensions"]) for entry in by_graphql.json()["errors"]] == [(SENTENCE, error)]


async def test_many_requests_find_the_way_back_after_a_short_cut(
    wire: tuple[Proxy, str], far_app: FastAPI, far_door: Door
) -> None:
    world = await make_world(far_app)
    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(*(far_door.call("get_me", token=world.editor.token) for _ in range(10)))
        await wire[0].cut()
        await wire[0].mend()
        # Every connection in the pool is dead now, and each is found out before it is used.
        answers = await asyncio.gather(*(far_door.call("get_me", token=world.editor.token) for _ in range(10)))
    assert {answer["id"] for answer in answers} == {str(world.editor.id)}


async def test_a_transaction_cut_in_its_middle_leaves_nothing(wire: tuple[Proxy, str], far_app: FastAPI) -> None:
    proxy, _ = wire
    world = await make_world(far_app)
    database: Database = far_app.state.database
    data = ItemCreate(**item_in(world))

    async def write_with_a_cut(*, before_commit: bool) -> None:
        async with database.write() as uow:
            await create_item(uow, world.editor.actor, data)
            await proxy.cut()
            if not before_commit:
                await create_item(uow, world.editor.actor, data)

    for before_commit in (False, True):
        with pytest.raises(DatabaseUnavailableError):
            await write_with_a_cut(before_commit=before_commit)
        await proxy.mend()

    async with database.write() as uow:
        await create_item(uow, world.editor.actor, data)
    assert uow.last_seqs == {world.workspace: 5}
    assert await ask_postgresql(database, "SELECT count(*) FROM items") == 1


async def test_a_request_cut_while_it_waits_is_unavailable_and_wrote_nothing(
    wire: tuple[Proxy, str], postgresql_url: str, far_app: FastAPI, far_door: Door
) -> None:
    world = await make_world(far_app)
    near = Database(postgresql_url)
    async with asyncio.timeout(LIMIT_SECONDS):
        async with near.write() as uow:
            await create_item(uow, world.editor.actor, ItemCreate(**item_in(world)))
            waiting = asyncio.create_task(
                refusal(far_door, "create_item", token=world.editor.token, data=item_in(world))
            )
            await until(someone_waits(near))
            await wire[0].cut()
            assert await waiting == ("UNAVAILABLE", SENTENCE)
        await wire[0].mend()
        await near.dispose()
    assert await log_of(far_door, world) == [*BEFORE, (5, "item")]


END_ALL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_backend_shut_down_by_its_administrator_is_unavailable(app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    data = ItemCreate(**item_in(world))

    async def write_with_interruption() -> None:
        async with database.write() as uow:
            await create_item(uow, world.editor.actor, data)
            assert await ask_postgresql(database, END_ALL) > 0
            await create_item(uow, world.editor.actor, data)

    with pytest.raises(DatabaseUnavailableError):
        await write_with_interruption()
    async with database.write() as uow:
        await create_item(uow, world.editor.actor, data)
    assert uow.last_seqs == {world.workspace: 5}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_was_read_before_the_connection_broke_is_still_an_answer(app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    async with database.read() as uow:
        me = await get_me(uow, world.editor.actor)
        assert await ask_postgresql(database, END_ALL) > 0
    assert me.name == "Editor"

    for _ in range(database.options.pool_size + 1):
        # The broken connection went back: more reads than the pool has places find one.
        async with database.read() as uow:
            assert (await get_me(uow, world.editor.actor)).name == "Editor"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_refusal_is_not_hidden_by_a_connection_that_broke_meanwhile(app: FastAPI, world: World) -> None:
    database: Database = app.state.database

    async def refused_and_interrupted() -> None:
        async with database.write() as uow:
            await create_item(uow, world.editor.actor, ItemCreate(**item_in(world)))
            assert await ask_postgresql(database, END_ALL) > 0
            raise AppError(ErrorCode.CONFLICT, "Refused.")

    with pytest.raises(AppError, match=r"Refused\."):
        await refused_and_interrupted()
    assert await ask_postgresql(database, "SELECT count(*) FROM items") == 0


async def impatient(app: FastAPI, **options: Any) -> Database:
    """Give the application a database that does not wait long."""
    patient: Database = app.state.database
    await patient.dispose()
    app.state.database = Database(patient.url.render_as_string(hide_password=False), DatabaseOptions(**options))
    database: Database = app.state.database
    return database


async def test_a_pool_that_stays_exhausted_is_unavailable_and_serves_again_later(
    app: FastAPI, door: Door, world: World
) -> None:
    database = await impatient(app, pool_size=1, pool_timeout=0.2)
    async with database.read() as uow:
        await users.any_exists(uow.session)
        assert await refusal(door, "get_me", token=world.editor.token) == ("UNAVAILABLE", SENTENCE)
        # Whether the database answers is asked over a connection that no request can take.
        assert (await door.client.get("/ready")).status_code == 200
        assert (await door.client.get("/health")).status_code == 200
    assert (await door.call("get_me", token=world.editor.token))["id"] == str(world.editor.id)
    await database.dispose()


async def test_a_lock_held_too_long_is_unavailable_and_nothing_is_written(
    app: FastAPI, door: Door, world: World
) -> None:
    holder: Database = app.state.database
    database = await impatient(app, pool_timeout=0.2, busy_timeout=0.2)
    # The holder is another process in all but name: it shares neither pool nor gate.
    async with holder.write() as uow:
        await create_item(uow, world.editor.actor, ItemCreate(**item_in(world)))
        answer = await refusal(door, "create_item", token=world.editor.token, data=item_in(world, title="Late"))
        assert answer == ("UNAVAILABLE", SENTENCE)
        # Who only reads is not held up.
        assert await log_of(door, world) == BEFORE
    assert await log_of(door, world) == [*BEFORE, (5, "item")]
    await database.dispose()
    await holder.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_writers_of_one_process_wait_only_so_long_for_their_turn(app: FastAPI, door: Door, world: World) -> None:
    database = await impatient(app, pool_timeout=0.2, busy_timeout=0.2)
    async with database.write() as uow:
        await create_item(uow, world.editor.actor, ItemCreate(**item_in(world)))
        answer = await refusal(door, "create_item", token=world.editor.token, data=item_in(world, title="Late"))
        assert answer == ("UNAVAILABLE", SENTENCE)
    assert await log_of(door, world) == [*BEFORE, (5, "item")]
    await database.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_full_disk_is_unavailable_and_half_a_write_is_none(app: FastAPI, door: Door, world: World) -> None:
    database = await impatient(app, pool_size=2)
    with closing(sqlite3.connect(database.url.database or "")) as connection:
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]

    @event.listens_for(database._writer.sync_engine, "connect")
    def leave_room_for_a_few_pages(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {pages + 60}")
        cursor.close()

    large = item_in(world, description="x" * 20_000)
    written = 0

    async def write_until_refused() -> None:
        nonlocal written
        while written < 100:
            await door.call("create_item", token=world.editor.token, data=large)
            written += 1

    with pytest.raises(DoorError) as caught:
        await write_until_refused()
    full = "The disk of the database is full. Nothing was written."
    assert (caught.value.code, caught.value.message) == ("UNAVAILABLE", full)
    assert written > 0

    # Reading goes on, and with room again so does writing.
    assert await log_of(door, world) == [*BEFORE, *((number + 5, "item") for number in range(written))]
    event.remove(database._writer.sync_engine, "connect", leave_room_for_a_few_pages)
    await database.dispose()
    await door.call("create_item", token=world.editor.token, data=large)
    assert (await log_of(door, world))[-1] == (written + 5, "item")
    with closing(sqlite3.connect(database.url.database or "")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (written + 1,)
    await database.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_read_only_file_is_unavailable_for_writes_and_readable(app: FastAPI, door: Door, world: World) -> None:
    database = await impatient(app)

    @event.listens_for(database._writer.sync_engine, "connect")
    def forbid_writing(connection: DBAPIConnection, _record: object) -> None:
        connection.cursor().execute("PRAGMA query_only = ON")

    answer = await refusal(door, "create_item", token=world.editor.token, data=item_in(world))
    assert answer == ("UNAVAILABLE", SENTENCE)
    assert await log_of(door, world) == BEFORE
    await database.dispose()
