"""Rows that this version cannot read, as an older or a newer one wrote them: an error, and never silence."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from db.engine import Database
from tests.doors.people import World
from tests.errors.captured_log import captured_log
from tests.streams.transport import TRANSPORTS, served, watching
from tests.streams.writing import add_item, last_seq

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


async def run(app: FastAPI, statement: str, **values: object) -> None:
    database: Database = app.state.database
    async with database.write() as uow:
        # Begun as every other transaction is.
        await uow.session.flush()
        await uow.session._session.execute(text(statement), values)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_state_without_a_field_of_today_ends_a_filtered_stream_with_an_error_of_ours(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    await add_item(app, world)
    end = await last_seq(app, world)
    await run(app, "UPDATE changes SET state = json_remove(state, '$.priority') WHERE seq = :seq", seq=end)
    where = {"trashed": False}
    with captured_log() as log:
        async with watching(transport, url, world.viewer.token, world.workspace, after=end - 1, where=where) as stream:
            assert (await stream.end()).code == "INTERNAL_ERROR"
    assert "priority" in str(log.lines)


COPY = """INSERT INTO changes
    SELECT workspace_id, seq + 1, at, actor_id, kind, 'dream', entity_id, version, state, changed
    FROM changes WHERE seq = :seq AND workspace_id = :workspace"""
COUNT = "UPDATE workspaces SET last_seq = :seq + 1 WHERE id = :workspace"


async def test_an_entity_of_a_newer_version_ends_streams_with_an_error_of_ours_live_or_behind(
    app: FastAPI, world: World, url: str
) -> None:
    await add_item(app, world)
    end = await last_seq(app, world)
    place = {"seq": end, "workspace": world.workspace.hex}
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(watching(transport, url, world.viewer.token, world.workspace))
            for transport in TRANSPORTS
        ]
        for stream in streams:
            assert (await stream.next()).kind == "ready"
        await run(app, COPY, **place)
        await run(app, COUNT, **place)
        # The next change of this process comes after it.
        await add_item(app, world)
        assert [(await stream.end()).code for stream in streams] == ["INTERNAL_ERROR"] * 3
    async with AsyncExitStack() as stack:
        for transport in TRANSPORTS:
            late = watching(transport, url, world.viewer.token, world.workspace, after=end)
            stream = await stack.enter_async_context(late)
            assert (await stream.end()).code == "INTERNAL_ERROR"
