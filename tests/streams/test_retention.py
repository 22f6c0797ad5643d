"""Retention: what was removed from a log is never passed over in silence."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.core.actor import SYSTEM
from api.core.errors import AppError
from api.services import changes as change_services
from api.services.retention import trim_logs
from db.clock import utc_now
from db.engine import Database
from db.models import Change
from db.repositories import changes
from db.repositories.changes import AnyChange
from tests.chaos.waiting import until
from tests.conftest import AppFactory
from tests.doors.door import Door, DoorError
from tests.doors.people import World, make_world
from tests.streams.transport import GRAPHQL_TRANSPORTS, TRANSPORTS, served, subscribed, watching
from tests.streams.writing import add_item, last_seq

DAYS = 30
POSTED = "subscription($w: UUID!, $after: BigInt) { messagePosted(workspaceId: $w, after: $after) { seq kind } }"


async def age(app: FastAPI, world: World, seq: int) -> None:
    """Make all entries up to a number older than what is kept."""
    async with app.state.database.write() as uow:
        own = (Change.workspace_id == world.workspace, Change.seq <= seq)
        await uow.session.execute(update(Change).where(*own).values(at=utc_now() - timedelta(days=DAYS + 1)))


async def trim(app: FastAPI) -> int:
    return await trim_logs(app.state.database, SYSTEM, days=DAYS)


async def trimmed(app: FastAPI, world: World, seq: int) -> int:
    """Let the log begin after a number; return its last one."""
    for _ in range(3):
        await add_item(app, world)
    await age(app, world, seq)
    assert await trim(app) == 1
    return await last_seq(app, world)


async def test_old_entries_go_and_the_numbers_go_on(door: Door, app: FastAPI, world: World) -> None:
    end = await trimmed(app, world, 5)
    assert await trim(app) == 0
    for after in (0, 4):
        with pytest.raises(DoorError) as caught:
            await door.call("list_changes", token=world.viewer.token, id=str(world.workspace), after=after)
        assert (caught.value.code, caught.value.details) == ("CURSOR_EXPIRED", {"oldest": 6})
        assert caught.value.status == (410 if door.name == "rest" else 200)
    await add_item(app, world)
    rest = await door.call("list_changes", token=world.viewer.token, id=str(world.workspace), after=5)
    assert [entry["seq"] for entry in rest["data"]] == list(range(6, end + 2))


async def test_nothing_is_removed_behind_an_entry_that_is_kept(app: FastAPI, world: World) -> None:
    # The clock of another machine was late: an old time after a young one.
    await add_item(app, world)
    end = await last_seq(app, world)
    await age(app, world, end)
    async with app.state.database.write() as uow:
        own = (Change.workspace_id == world.workspace, Change.seq == 2)
        await uow.session.execute(update(Change).where(*own).values(at=utc_now()))
    assert await trim(app) == 1
    assert await numbers(app, world, 1) == list(range(2, end + 1))


async def numbers(app: FastAPI, world: World, after: int) -> Sequence[int]:
    database: Database = app.state.database
    async with database.read() as uow:
        stretch = await change_services.list_changes(uow, world.viewer.actor, world.workspace, after=after, limit=100)
    return [change.seq for change in stretch.data]


async def test_every_stream_refuses_a_number_below_the_floor_and_begins_at_it(app: FastAPI, world: World) -> None:
    end = await trimmed(app, world, 5)
    token, place = world.viewer.token, world.workspace
    async with served(app) as url:
        for transport in TRANSPORTS:
            for where in (None, {"trashed": False}):
                async with watching(transport, url, token, place, after=4, where=where) as stream:
                    refusal = await stream.end()
                assert (refusal.code, refusal.details) == ("CURSOR_EXPIRED", {"oldest": 6})
                async with watching(transport, url, token, place, after=5, where=where) as stream:
                    assert [event.seq for event in await stream.until(end)] == list(range(6, end + 1))
        for transport in GRAPHQL_TRANSPORTS:
            async with subscribed(transport, url, token, POSTED, w=str(place), after=4) as stream:
                assert (await stream.end()).details == {"oldest": 6}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("left", [0, 1])
async def test_a_subscriber_that_trimming_overtakes_is_told_so(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch, transport: str, left: int
) -> None:
    await add_item(app, world)
    end = await last_seq(app, world)
    await age(app, world, end - left)
    read = changes.following

    async def late(*arguments: Any, **options: Any) -> Sequence[AnyChange]:
        # The stream is open, and its number was good then; now, before it reads, the log is trimmed.
        monkeypatch.setattr(changes, "following", read)
        await trim(app)
        return await read(*arguments, **options)

    monkeypatch.setattr(changes, "following", late)
    async with served(app) as url, watching(transport, url, world.viewer.token, world.workspace, after=1) as stream:
        gone = await stream.end()
    assert (gone.code, gone.details) == ("CURSOR_EXPIRED", {"oldest": end - left + 1})


async def test_a_server_with_retention_trims_by_itself(make_app: AppFactory, app: FastAPI) -> None:
    world = await make_world(app)
    await age(app, world, 2)
    other = await make_app(log_retention_days=DAYS)

    async def has_trimmed() -> bool:
        return await refusal(other, world, 1) == {"oldest": 3}

    await until(has_trimmed)


async def refusal(app: FastAPI, world: World, after: int) -> Mapping[str, Any] | None:
    """Return the details with which a number is refused, if it is."""
    try:
        await numbers(app, world, after)
    except AppError as error:
        return error.details if error.code == "CURSOR_EXPIRED" else None
    return None
