"""Reading for streams takes turns, user by user, and who waits hears at once that its right ended."""

import asyncio

import pytest
from fastapi import FastAPI

from api.core.errors import AppError
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.live.streams import open_stream
from api.services.members import remove_member
from db.engine import Database
from tests.chaos.waiting import until
from tests.doors.people import World
from tests.streams.following import following
from tests.streams.writing import NEVER, add_items, numbers, remove_viewer


async def test_what_is_behind_waits_for_its_turn_and_what_is_live_does_not(app: FastAPI, world: World) -> None:
    end = await add_items(app, world, 10)
    hub = Hub(app.state.database, LocalBus(), HubOptions(turns=2, turns_per_user=1))
    viewer, editor = world.viewer.actor, world.editor.actor
    async with (
        hub.running(),
        open_stream(hub, viewer, world.workspace, 0) as behind,
        following(hub, viewer, world.workspace, after=end) as live,
    ):
        place = hub.turns.ask(world.viewer.id)
        told = behind.changes()
        first = asyncio.create_task(anext(told))
        await add_items(app, world, 1)
        await live.reach(end + 1)
        # Somebody else's turns are their own.
        async with following(hub, editor, world.workspace, after=0) as other:
            await other.reach(end + 1)
        assert not first.done()
        hub.turns.leave(place)
        assert (await first).seq == 1
        assert [(await anext(told)).seq for _ in range(end)] == numbers(2, end + 1)


async def test_who_waits_for_its_turn_is_told_at_once_that_its_right_ended(app: FastAPI, world: World) -> None:
    await add_items(app, world, 10)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER, turns_per_user=1))
    async with hub.running(), open_stream(hub, world.viewer.actor, world.workspace, 0) as stream:
        place = hub.turns.ask(world.viewer.id)
        first = asyncio.create_task(anext(stream.changes()))
        await asyncio.sleep(0)
        await remove_viewer(app, world)
        with pytest.raises(AppError) as caught:
            await asyncio.wait_for(first, 10)
        assert caught.value.code == "FORBIDDEN"
        hub.turns.leave(place)


async def test_to_open_a_stream_and_to_look_at_its_standing_take_a_turn(app: FastAPI, world: World) -> None:
    end = await add_items(app, world, 1)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER, turns_per_user=1))
    viewer, workspace = world.viewer.actor, world.workspace
    async with hub.running(), following(hub, viewer, workspace, after=end) as live:
        place = hub.turns.ask(world.viewer.id)
        opening = asyncio.create_task(open_stream(hub, viewer, workspace, 0).__aenter__())
        async with following(hub, world.editor.actor, workspace) as other:
            await other.reach(end)
        # The end of the right, from a process that does not tell: it is read in the log.
        await _remove_viewer_elsewhere(app, world)
        hub.wake_workspace(workspace, end + 1)
        channel = hub.channels[workspace]

        async def is_read() -> bool:
            return channel.ring.head == end + 1

        await until(is_read)
        assert (opening.done(), live.error) == (False, None)
        hub.turns.leave(place)
        assert (await live.ended()).code == "FORBIDDEN"
        with pytest.raises(AppError) as caught:
            await opening
    assert (caught.value.code, live.seqs) == ("NOT_FOUND", [])


async def _remove_viewer_elsewhere(app: FastAPI, world: World) -> None:
    other = Database(app.state.settings.database_address)
    async with other.write() as uow:
        await remove_member(uow, world.admin.actor, world.workspace, world.viewer.id)
    await other.dispose()


async def test_who_may_not_open_a_stream_hears_so_even_if_rights_are_looked_at_meanwhile(
    app: FastAPI, world: World
) -> None:
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER, turns_per_user=1))
    place = hub.turns.ask(world.stranger.id)
    opening = asyncio.create_task(open_stream(hub, world.stranger.actor, world.workspace, 0).__aenter__())
    await asyncio.sleep(0)
    await hub.look_at_rights()
    hub.turns.leave(place)
    with pytest.raises(AppError) as caught:
        await opening
    assert caught.value.code == "NOT_FOUND"


async def test_a_replay_lets_the_rest_of_the_process_go_before_each_page(app: FastAPI, world: World) -> None:
    begin = await add_items(app, world, 1)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER, stream_page=5))
    turns_of_the_loop = 0

    async def witness() -> None:
        nonlocal turns_of_the_loop
        while True:
            await asyncio.sleep(0)
            turns_of_the_loop += 1

    async with (
        hub.running(),
        following(hub, world.viewer.actor, world.workspace, after=begin) as live,
        open_stream(hub, world.viewer.actor, world.workspace, begin) as behind,
    ):
        end = await add_items(app, world, 40)
        await live.reach(end)
        told = behind.changes()
        watching = asyncio.create_task(witness())
        # All of it is in the ring, so nothing else makes it wait.
        assert [(await anext(told)).seq for _ in range(40)] == numbers(begin + 1, end)
        watching.cancel()
    assert turns_of_the_loop >= 7
