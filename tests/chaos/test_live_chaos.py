"""Pull any plug: every subscriber is told 1, 2, 3, … of its workspace, whatever server, wire or Redis goes away."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.schemas.items import ItemCreate
from api.services.items import create_item
from db.engine import Database
from tests.chaos.live_plan import Plan
from tests.chaos.live_run import run
from tests.chaos.live_servers import Cluster, RedisServer, require_redis_server
from tests.chaos.waiting import LIMIT_SECONDS, someone_waits, until
from tests.doors.people import World
from tests.streams.following import following

BEFORE = 4
"""Creating the world's workspace, its first admin and two more members took the first numbers."""


async def test_one_process_on_sqlite_loses_nothing(sqlite_url: str, tmp_path: Path) -> None:
    async with Cluster(sqlite_url, tmp_path, 1, None).running() as cluster:
        await run(Plan(1), cluster)


async def test_two_processes_on_one_sqlite_file_lose_nothing(sqlite_url: str, tmp_path: Path) -> None:
    async with Cluster(sqlite_url, tmp_path, 2, None).running() as cluster:
        await run(Plan(2), cluster)


async def test_two_processes_on_postgresql_and_redis_lose_nothing(postgresql_url: str, tmp_path: Path) -> None:
    require_redis_server()
    async with RedisServer().running() as redis, Cluster(postgresql_url, tmp_path, 2, redis.url).running() as cluster:
        await run(Plan(2), cluster, redis)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_hasura_8632_a_subscriber_gets_both_when_the_earlier_number_commits_later(
    app: FastAPI, world: World
) -> None:
    """The schedule of hasura/graphql-engine#8632, whose cursor streams skip the row that was numbered first."""
    database: Database = app.state.database
    numbered, go = asyncio.Event(), asyncio.Event()

    async def write(title: str, *, hold: bool) -> int:
        async with database.write() as uow:
            data = ItemCreate(workspace_id=world.workspace, title=title)
            await create_item(uow, world.editor.actor, data)
            numbered.set()
            if hold:
                await go.wait()
        return uow.last_seqs[world.workspace]

    async with (
        asyncio.timeout(LIMIT_SECONDS),
        following(app.state.hub, world.viewer.actor, world.workspace, after=BEFORE) as follower,
        asyncio.TaskGroup() as tasks,
    ):
        first = tasks.create_task(write("Numbered first", hold=True))
        await numbered.wait()
        second = tasks.create_task(write("Wants to commit first", hold=False))
        # Elsewhere the second is through by now, and its subscribers have passed over the first.
        await until(someone_waits(database))
        assert (second.done(), follower.seqs) == (False, [])

        go.set()
        await follower.reach(BEFORE + 2)

    assert (first.result(), second.result()) == (BEFORE + 1, BEFORE + 2)
    titles = [event.change.state["title"] for event in follower.events if event.change and event.change.state]
    assert follower.seqs == [BEFORE + 1, BEFORE + 2]
    assert titles == ["Numbered first", "Wants to commit first"]
