"""What a stream looks at, with whose eyes, and in which order."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from api.core.errors import AppError
from api.services import access
from api.services.live.streams import open_stream
from db.engine import Database
from db.models import Member, Workspace
from tests.conftest import AppFactory
from tests.doors.people import World, make_world
from tests.streams.writing import add_item, last_seq

PATIENCE_SECONDS = 10


async def test_what_is_committed_while_a_stream_is_being_opened_is_heard(
    make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await make_app(live_beat_seconds=3600)
    world = await make_world(app)
    see = access.see

    async def look_then_wait(*arguments: Any) -> Workspace:
        workspace = await see(*arguments)
        monkeypatch.undo()
        # Nobody else watches: whoever does not listen yet will not hear of it before the beat.
        await add_item(app, world)
        return workspace

    seq = await last_seq(app, world)
    monkeypatch.setattr(access, "see", look_then_wait)
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with open_stream(app.state.hub, world.viewer.actor, world.workspace, None) as stream:
            changes = stream.changes()
            assert (await anext(changes)).seq == seq + 1
            await changes.aclose()


async def test_a_stream_that_is_behind_reads_the_table_with_its_users_eyes(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Database = app.state.database
    hub = app.state.hub

    async def lose(user: UUID) -> None:
        # No change tells of it, and the beat has not come yet.
        async with database.write() as uow:
            own = (Member.workspace_id == world.workspace, Member.user_id == user)
            await uow.session.execute(delete(Member).where(*own))

    await add_item(app, world)
    monkeypatch.setattr("api.services.live.hub.end_streams", _nobody_looks)
    async with open_stream(hub, world.viewer.actor, world.workspace, 0) as stream:
        await lose(world.viewer.id)
        with pytest.raises(AppError) as caught:
            await anext(stream.changes())
    assert caught.value.code == "FORBIDDEN"


async def _nobody_looks(*_arguments: Any) -> None:
    pass
