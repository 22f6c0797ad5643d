"""Reading for streams takes turns, user by user, and who waits hears at once that its right ended."""

import asyncio

import pytest
from fastapi import FastAPI

from api.core.errors import AppError
from api.core.pace import Pace
from api.schemas.items import ItemFilter, ItemRead
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.live.streams import NEAR, open_stream
from api.services.members import remove_member
from db.engine import Database
from db.logs import workspace_log
from db.models import EntityKind
from tests.chaos.waiting import until
from tests.doors.people import World
from tests.streams.following import following
from tests.streams.writing import NEVER, add_item, add_items, last_seq, numbers, remove_viewer


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
        hub.wake_log(workspace_log(workspace), end + 1)
        channel = hub.channels[workspace_log(workspace)]

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


@pytest.mark.parametrize("where", [None, ItemFilter(text="no such text")], ids=["all", "filtered"])
async def test_each_change_is_told_or_passed_over_when_it_is_its_subscribers_turn(
    app: FastAPI, world: World, where: ItemFilter | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.live.streams.CHANGES_AT_ONCE", 1)
    pace = Pace()
    turns: list[object] = []
    turn = pace.turn

    async def counted(caller: object) -> None:
        turns.append(caller)
        await turn(caller)

    monkeypatch.setattr(pace, "turn", counted)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER), pace)
    viewer, editor, workspace = world.viewer.actor, world.editor.actor, world.workspace
    async with (
        hub.running(),
        following(hub, viewer, workspace, where=where) as follower,
        following(hub, editor, workspace) as other,
    ):
        # More than what is told without a turn of the hub's, and then one that is live.
        await other.reach(await add_items(app, world, NEAR * 3))
        last = await add_item(app, world, "no such text")
        await follower.reach(await last_seq(app, world))
    assert follower.events[-1].entity(EntityKind.ITEM) == ItemRead.model_validate(last)
    assert turns.count(world.viewer.id) == turns.count(world.editor.id) == NEAR * 3 + 1


async def test_who_waits_for_the_event_loop_is_told_nothing_after_its_right_ended(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.live.streams.CHANGES_AT_ONCE", 1)
    end = await add_items(app, world, 1)
    pace = Pace()
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER), pace)
    async with hub.running(), following(hub, world.viewer.actor, world.workspace, after=end) as live:
        turn, asked, go_on = pace.turn, asyncio.Event(), asyncio.Event()

        async def late(caller: object) -> None:
            asked.set()
            await go_on.wait()
            await turn(caller)

        pace.turn = late  # type: ignore[method-assign]  # for this test
        await add_items(app, world, 1)
        await asyncio.wait_for(asked.wait(), 10)
        await remove_viewer(app, world)
        await hub.look_at_rights()
        go_on.set()
        assert (await live.ended()).code == "FORBIDDEN"
    assert live.seqs == []
