"""The hub looks at rights and for lost wake-ups in pieces: each asks for no more than it needs, and fails alone."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from api.schemas.items import ItemCreate
from api.schemas.users import UserUpdate
from api.services.items import create_item
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.users import update_user
from db.engine import Database
from db.logs import Log, workspace_log
from db.repositories import changes, members, users
from db.repositories.users import Standing
from db.session import ReadSession
from tests.doors.people import Person, World
from tests.errors.captured_log import captured_log
from tests.streams.following import Follower, following
from tests.streams.writing import NEVER, write

Caller = tuple[UUID, UUID | None]


async def test_exactly_the_pairs_that_are_asked_for_are_looked_up(app: FastAPI, world: World) -> None:
    people = (world.admin, world.editor, world.viewer, world.stranger)
    true = {(world.workspace, person.id) for person in people[:3]} | {(person.home, person.id) for person in people}
    false = {(world.workspace, world.stranger.id), (world.admin.home, world.editor.id), (uuid4(), world.admin.id)}
    database: Database = app.state.database
    async with database.read() as uow:
        assert await members.existing(uow.session, true | false) == true
        # What lies between them is not asked for.
        two = {(world.workspace, world.admin.id), (world.editor.home, world.editor.id)}
        assert await members.existing(uow.session, two) == two
        assert await members.existing(uow.session, set()) == set()
        # More than either database takes as values of one statement.
        many = {(uuid4(), world.admin.id) for _ in range(40_000)}
        assert await members.existing(uow.session, many | true) == true


def everybody(world: World) -> Sequence[Person]:
    return (world.admin, world.editor, world.viewer, world.stranger, world.administrator)


@asynccontextmanager
async def elsewhere(app: FastAPI, world: World, options: HubOptions) -> AsyncIterator[tuple[Hub, list[Follower]]]:
    """Let everybody follow their home on another process, to which no bus leads; its beats are not begun yet."""
    hub = Hub(Database(app.state.settings.database_address), LocalBus(), options)
    try:
        async with AsyncExitStack() as stack:
            streams = [following(hub, person.actor, person.home) for person in everybody(world)]
            followers = [await stack.enter_async_context(stream) for stream in streams]
            for follower in followers:
                await follower.reach(1)
            yield hub, followers
    finally:
        await hub.database.dispose()


async def test_lost_wake_ups_are_made_up_for_in_pieces_and_one_that_fails_stops_no_other(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    look = changes.heads

    async def heads(session: ReadSession, logs: Collection[Log]) -> Mapping[Log, int]:
        sizes.append(len(logs))
        if workspace_log(world.admin.home) in logs:
            raise RuntimeError
        return await look(session, logs)

    options = HubOptions(beat=0.02, rights_beat=NEVER, piece=2)
    async with elsewhere(app, world, options) as (hub, followers):
        begin = [follower.events[0].seq for follower in followers]
        for person in everybody(world):
            await write(app, create_item, person.actor, ItemCreate(workspace_id=person.home, title="Buy seeds"))
        with captured_log() as log:
            monkeypatch.setattr(changes, "heads", heads)
            async with hub.running():
                for follower, seq in list(zip(followers, begin, strict=True))[2:]:
                    await follower.reach(seq + 1)
                assert followers[0].seqs == followers[1].seqs == []
                monkeypatch.setattr(changes, "heads", look)
                for follower, seq in zip(followers, begin, strict=True):
                    await follower.reach(seq + 1)
    assert [follower.seqs for follower in followers] == [[seq + 1] for seq in begin]
    assert sizes[:3] == [2, 2, 1]
    said = [(line["event"], line["at"]) for line in log.lines if line["logger"] == "twofold.hub"]
    assert set(said) == {("the hub stumbled", "beat")}


async def disable(app: FastAPI, world: World, person: Person) -> None:
    identity = app.state.identity
    await write(app, update_user, world.administrator.actor, person.id, UserUpdate(disabled=True), identity=identity)


async def test_rights_are_looked_at_in_pieces_and_one_that_fails_stops_no_other(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = users.standings

    async def standings(session: ReadSession, callers: Collection[Caller]) -> Mapping[Caller, Standing]:
        if any(user_id == world.admin.id for user_id, _ in callers):
            raise RuntimeError
        return await look(session, callers)

    options = HubOptions(beat=NEVER, rights_beat=0.02, piece=1)
    async with elsewhere(app, world, options) as (hub, followers):
        for person in (world.admin, world.viewer, world.stranger):
            await disable(app, world, person)
        with captured_log() as log:
            monkeypatch.setattr(users, "standings", standings)
            async with hub.running():
                for follower in followers[2:4]:
                    assert (await follower.ended()).code == "UNAUTHENTICATED"
                assert [follower.error for follower in (followers[0], followers[1], followers[4])] == [None] * 3
                monkeypatch.setattr(users, "standings", look)
                assert (await followers[0].ended()).code == "UNAUTHENTICATED"
    said = [(line["event"], line["at"]) for line in log.lines if line["logger"] == "twofold.hub"]
    assert set(said) == {("the hub stumbled", "rights")}


async def test_a_right_that_ended_is_looked_for_among_the_streams_of_that_user_alone(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = users.standings
    looked: list[UUID] = []

    async def standings(session: ReadSession, callers: Collection[Caller]) -> Mapping[Caller, Standing]:
        looked.extend(user_id for user_id, _ in callers)
        return await look(session, callers)

    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    monkeypatch.setattr(users, "standings", standings)
    async with hub.running(), AsyncExitStack() as stack:
        streams: list[Any] = [following(hub, person.actor, person.home) for person in everybody(world)]
        followers = [await stack.enter_async_context(stream) for stream in streams]
        await disable(app, world, world.viewer)
        assert (await followers[2].ended()).code == "UNAUTHENTICATED"
        assert [follower.error for follower in followers].count(None) == 4
    assert set(looked) == {world.viewer.id}
