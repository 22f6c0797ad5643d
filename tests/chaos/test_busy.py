"""Somebody keeps the database busy: the others do not notice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from api.services.members import remove_member
from db.engine import Database, DatabaseOptions
from db.repositories import workspaces
from db.scope import EVERYTHING
from tests.chaos.waiting import LIMIT_SECONDS, ask_postgresql, until
from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, DoorError, GraphQLDoor, RestDoor
from tests.doors.people import PASSWORD, Person, World, make_world
from tests.doors.things import make_item, make_message, refused
from tests.streams.transport import TRANSPORTS, send, served, socket, watching

WAIT_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
FLOOD = "find this for ever"
ENDLESS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT count(*) FROM numbers"
TEN_SEARCHES = (
    "query($text: String!) { "
    + " ".join(f"q{n}: items(filter: {{text: $text}}) {{ totalCount }}" for n in range(10))
    + " }"
)


@asynccontextmanager
async def held(database_url: str, *ids: UUID) -> AsyncIterator[Database]:
    """Hold the locks of workspaces for the length of the block, as another process may do."""
    other = Database(database_url, DatabaseOptions(pool_size=20))
    try:
        async with AsyncExitStack() as stack:
            for workspace_id in ids:
                uow = await stack.enter_async_context(other.write())
                assert await workspaces.lock(uow.session, EVERYTHING, workspace_id) is not None
            yield other
    finally:
        await other.dispose()


def endless(database: Database) -> list[str]:
    """Let searches for `FLOOD` take for ever; return the list that each puts something into as it begins."""
    begun: list[str] = []

    @event.listens_for(database.engines[1].sync_engine, "before_cursor_execute", retval=True)
    def exchange(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        if FLOOD not in str(parameters):
            return statement, parameters
        begun.append(statement)
        return ENDLESS, ()

    return begun


def equal(question: Callable[[], int], answer: int) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return question() == answer

    return is_so


async def bystanders_are_served(door: Door, person: Person, *, may_write: bool = True) -> None:
    """Sign in, which is a write, and read, and ask whether the database answers."""
    token = person.token
    if may_write:
        token = (await door.call("login", data={"email": person.email, "password": PASSWORD}))["access_token"]
    assert (await door.call("list_items", token=token))["data"] == []
    assert (await door.client.get("/ready")).status_code == 200


async def give_up(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_busy_workspace_stops_nobody_else(app: FastAPI, door: Door, world: World, database_url: str) -> None:
    database: Database = app.state.database
    token = world.editor.token
    item, message = await make_item(door, world), await make_message(door, world)
    async with asyncio.timeout(LIMIT_SECONDS), held(database_url, world.workspace):
        writers = [
            asyncio.create_task(write)
            for _ in range(4)
            for write in (
                make_item(door, world),
                door.call(
                    "update_item", token=world.admin.token, id=item["id"], data={"priority": 3}, key=str(uuid4())
                ),
                door.call("update_message", token=token, id=message["id"], data={"body": "These"}),
            )
        ]
        # All but one wait in this process, without a connection.
        await until(equal(lambda: database.waiting_writers, 11))
        # A SQLite file that another process writes to has no second writer, whoever it is.
        await bystanders_are_served(door, world.stranger, may_write=not database.is_sqlite)
        if not database.is_sqlite:
            assert await ask_postgresql(database, WAIT_FOR_A_LOCK) == 1
            elsewhere = await door.call("create_item", token=world.stranger.token, data={"title": "At home"})
            assert elsewhere["workspace_id"] == str(world.stranger.home)
        assert not any(writer.done() for writer in writers)
    await asyncio.gather(*writers)
    listed = await door.call(
        "list_items", token=token, workspace_id=str(world.workspace), include_total=True, priority_from=3
    )
    assert listed["total"] == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_rights_end_while_every_connection_for_writing_waits(
    app: FastAPI, rest: Door, world: World, database_url: str
) -> None:
    database: Database = app.state.database
    people = (world.editor, world.admin, world.administrator)
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        served(app) as url,
        AsyncExitStack() as stack,
        held(database_url, *(person.home for person in people)) as other,
    ):
        streams = [
            await stack.enter_async_context(watching(transport, url, world.viewer.token, world.workspace))
            for transport in TRANSPORTS
        ]
        assert {(await stream.next()).kind for stream in streams} == {"ready"}
        writers = [
            asyncio.create_task(rest.call("create_item", token=person.token, data={"title": "At home"}))
            for person in people
            for _ in range(4)
        ]
        await until(equal(lambda: database.waiting_writers, 10))
        async with other.write() as uow:
            await remove_member(uow, world.admin.actor, world.workspace, world.viewer.id)
        assert {(await stream.end()).code for stream in streams} == {"FORBIDDEN"}
        await bystanders_are_served(rest, world.stranger)
        assert not any(writer.done() for writer in writers)
    await asyncio.gather(*writers)


async def test_rights_end_while_every_connection_for_reading_is_at_work(
    app: FastAPI, rest: Door, world: World, database_url: str
) -> None:
    database: Database = app.state.database
    begun = endless(database)
    other = Database(database_url)
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        served(app) as url,
        watching("socket", url, world.viewer.token, world.workspace) as stream,
    ):
        assert (await stream.next()).kind == "ready"
        reads = [
            asyncio.create_task(rest.call("list_items", token=person.token, text=FLOOD))
            for person in (world.editor, world.admin, world.admin)
        ]
        await until(equal(lambda: len(begun), 3))
        blocked = asyncio.create_task(rest.call("list_items", token=world.stranger.token))
        await until(equal(lambda: database.waiting_readers, 1))
        async with other.write() as uow:
            await remove_member(uow, world.admin.actor, world.workspace, world.viewer.id)
        assert (await stream.end()).code == "FORBIDDEN"
        assert (await rest.client.get("/ready")).status_code == 200
        assert not any(task.done() for task in (*reads, blocked))
        await give_up([*reads, blocked])
    await other.dispose()


@pytest.mark.parametrize("kind", [RestDoor, GraphQLDoor])
async def test_one_user_reads_only_so_much_at_once(make_app: AppFactory, kind: Any) -> None:
    app = await make_app(database_pool_size=10, reads_max_per_user=3)
    world = await make_world(app)
    database: Database = app.state.database
    begun = endless(database)
    async with asyncio.timeout(LIMIT_SECONDS), client_of(app) as client:
        door = kind(app, client)
        reads = [asyncio.create_task(door.call("list_items", token=world.editor.token, text=FLOOD)) for _ in range(10)]
        await until(equal(lambda: len(begun), 3))
        await until(equal(lambda: database.waiting_readers, 7))
        await bystanders_are_served(door, world.stranger)
        assert (len(begun), database.waiting_readers) == (3, 7)

        await give_up(reads)
        assert database.waiting_readers == 0
        assert (await door.call("list_items", token=world.editor.token))["data"] == []


@pytest.mark.parametrize("over_socket", [False, True])
async def test_the_fields_of_one_query_are_reads_like_any_other(make_app: AppFactory, over_socket: bool) -> None:
    app = await make_app(database_pool_size=10, reads_max_per_user=3)
    world = await make_world(app)
    database: Database = app.state.database
    begun = endless(database)
    payload = {"query": TEN_SEARCHES, "variables": {"text": FLOOD}}
    async with asyncio.timeout(LIMIT_SECONDS), served(app) as url, httpx.AsyncClient(base_url=url) as client:
        door = RestDoor(app, client)

        async def flooded() -> None:
            await until(equal(lambda: len(begun), 3))
            await until(equal(lambda: database.waiting_readers, 7))
            await bystanders_are_served(door, world.stranger)
            assert (len(begun), database.waiting_readers) == (3, 7)

        if over_socket:
            async with socket(url, world.editor.token) as connection:
                await send(connection, id="1", type="subscribe", payload=payload)
                await flooded()
        else:
            headers = {"Authorization": f"Bearer {world.editor.token}"}
            query = asyncio.create_task(client.post("/graphql", json=payload, headers=headers))
            await flooded()
            assert not query.done()
            await give_up([query])


async def test_what_takes_the_database_too_long_is_unavailable(make_app: AppFactory) -> None:
    app = await make_app(statement_seconds=0.3)
    world = await make_world(app)
    endless(app.state.database)
    sentence = "The database did not finish this in time. Ask for less, or try again in a moment."
    async with client_of(app) as client:
        for door in (RestDoor(app, client), GraphQLDoor(app, client)):
            with pytest.raises(DoorError) as caught:
                await door.call("list_items", token=world.editor.token, text=FLOOD)
            assert (caught.value.code, caught.value.message) == ("UNAVAILABLE", sentence)
            assert (await door.call("list_items", token=world.editor.token))["data"] == []


async def test_who_lets_too_much_wait_is_told_so_and_others_wait_as_ever(
    app: FastAPI, door: Door, world: World, database_url: str
) -> None:
    await app.state.database.dispose()
    options = DatabaseOptions(pool_size=5, reads_per_caller=1, waiting_per_caller=2)
    database = app.state.database = Database(database_url, options)
    begun = endless(database)
    reads = [asyncio.create_task(door.call("list_items", token=world.editor.token, text=FLOOD)) for _ in range(3)]
    await until(equal(lambda: len(begun), 1))
    await until(equal(lambda: database.waiting_readers, 2))
    with refused("RATE_LIMITED"):
        await door.call("list_items", token=world.editor.token)
    await bystanders_are_served(door, world.stranger)
    await give_up(reads)
    assert (await door.call("list_items", token=world.editor.token))["data"] == []
    await database.dispose()
