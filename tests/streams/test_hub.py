"""The hub: every change once and in order, however late, slow or many its subscribers are."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from api.core.actor import UserActor
from api.core.errors import AppError
from api.schemas.items import ItemCreate
from api.schemas.users import UserUpdate
from api.schemas.workspaces import MemberAdd
from api.services import access
from api.services.items import create_item
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.live.streams import open_stream
from api.services.members import add_member
from api.services.users import update_user
from api.services.workspaces import delete_workspace
from db.engine import Database
from db.logs import Head, Log, workspace_log
from db.models import Role
from db.repositories import changes
from db.session import ReadSession
from tests.chaos.waiting import until
from tests.doors.people import World
from tests.streams.following import following
from tests.streams.writing import NEVER, add_items, numbers, remove_viewer


async def test_a_stream_without_a_number_says_where_it_begins_and_gets_what_follows(app: FastAPI, world: World) -> None:
    begin = await add_items(app, world, 1)
    async with following(app.state.hub, world.viewer.actor, world.workspace) as follower:
        await follower.reach(begin)
        assert [(e.seq, e.change) for e in follower.events] == [(begin, None)]
        end = await add_items(app, world, 3)
        await follower.reach(end)
    assert follower.seqs == numbers(begin + 1, end)


async def test_a_stream_after_a_number_replays_and_goes_on_live(app: FastAPI, world: World) -> None:
    middle = await add_items(app, world, 5)
    async with following(app.state.hub, world.viewer.actor, world.workspace, after=2) as follower:
        await follower.reach(middle)
        end = await add_items(app, world, 5)
        await follower.reach(end)
    assert follower.seqs == numbers(3, end)
    assert [e.seq for e in follower.events] == follower.seqs


async def test_a_number_beyond_the_log_is_refused(app: FastAPI, world: World) -> None:
    end = await add_items(app, world, 1)
    with pytest.raises(AppError) as caught:
        async with open_stream(app.state.hub, world.viewer.actor, world.workspace, end + 1):
            pass
    assert caught.value.code == "BAD_REQUEST"
    assert app.state.hub.channels == {}


async def test_a_subscriber_far_behind_the_ring_reads_the_table(app: FastAPI, world: World) -> None:
    hub = Hub(app.state.database, LocalBus(), HubOptions(ring_entries=4, page=3))
    async with hub.running(), following(hub, world.viewer.actor, world.workspace, after=0) as early:
        end = await add_items(app, world, 20)
        await early.reach(end)
        async with following(hub, world.viewer.actor, world.workspace, after=0) as late:
            await late.reach(end)
        assert hub.channels[workspace_log(world.workspace)].ring.floor >= end - 4
    assert early.seqs == late.seqs == numbers(1, end)


async def test_each_change_is_read_once_however_many_watch(app: FastAPI, world: World) -> None:
    hub: Hub = app.state.hub
    begin = await add_items(app, world, 1)
    async with asyncio.TaskGroup():
        stack = [following(hub, world.viewer.actor, world.workspace) for _ in range(50)]
        followers = [await manager.__aenter__() for manager in stack]
        for follower in followers:
            await follower.reach(begin)
        reads: list[str] = []
        engine = app.state.database.engines[-1].sync_engine

        @event.listens_for(engine, "before_cursor_execute")
        def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
            if "FROM changes" in statement:
                reads.append(statement)

        end = await add_items(app, world, 1)
        for follower in followers:
            await follower.reach(end)
        event.remove(engine, "before_cursor_execute", note)
        for manager in stack:
            await manager.__aexit__(None, None, None)
    assert len(reads) == 1
    assert all(follower.seqs == [end] for follower in followers)


async def test_a_lost_wake_up_is_made_up_for_by_the_beat(app: FastAPI, world: World) -> None:
    other = Hub(Database(app.state.settings.database_address), LocalBus(), HubOptions(beat=0.05))
    try:
        async with other.running(), following(other, world.viewer.actor, world.workspace, after=0) as follower:
            # Written through another Database object: as if by another process, without a bus between.
            end = await add_items(app, world, 3)
            await follower.reach(end)
        assert follower.seqs == numbers(1, end)
    finally:
        await other.database.dispose()


async def write_and_fail(database: Database, world: World) -> None:
    with contextlib.suppress(RuntimeError):
        async with database.write() as uow:
            await create_item(uow, world.editor.actor, ItemCreate(workspace_id=world.workspace, title="No"))
            raise RuntimeError


async def test_what_was_rolled_back_is_never_seen(app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    async with following(app.state.hub, world.viewer.actor, world.workspace, after=0) as follower:
        await write_and_fail(database, world)
        end = await add_items(app, world, 1)
        await follower.reach(end)
    titles = [
        e.change.state["title"] for e in follower.events if e.change and e.change.entity == "item" and e.change.state
    ]
    assert titles == ["Item 0"]


async def test_nothing_is_kept_for_a_workspace_that_nobody_watches(app: FastAPI, world: World) -> None:
    async with following(app.state.hub, world.viewer.actor, world.workspace):
        assert list(app.state.hub.channels) == [workspace_log(world.workspace)]
    assert app.state.hub.channels == {}


async def test_a_lost_membership_ends_the_stream_before_anything_after_it(app: FastAPI, world: World) -> None:
    async with following(app.state.hub, world.viewer.actor, world.workspace, after=0) as follower:
        before = await add_items(app, world, 2)
        await follower.reach(before)
        removal = await remove_viewer(app, world)
        await add_items(app, world, 2)
        error = await follower.ended()
    assert error.code == "FORBIDDEN"
    assert removal == before + 1
    assert follower.seqs == numbers(1, before)


async def test_who_regains_membership_resumes_where_it_was(app: FastAPI, world: World) -> None:
    before = await add_items(app, world, 1)
    await remove_viewer(app, world)
    with pytest.raises(AppError) as caught:
        async with open_stream(app.state.hub, world.viewer.actor, world.workspace, before):
            pass
    assert caught.value.code == "NOT_FOUND"
    async with app.state.database.write() as uow:
        data = MemberAdd(user_id=world.viewer.id, role=Role.VIEWER)
        await add_member(uow, world.admin.actor, world.workspace, data)
    end = await add_items(app, world, 1)
    async with following(app.state.hub, world.viewer.actor, world.workspace, after=before) as follower:
        await follower.reach(end)
    assert follower.seqs == numbers(before + 1, end)


async def test_a_deleted_workspace_ends_its_streams(app: FastAPI, world: World) -> None:
    async with following(app.state.hub, world.viewer.actor, world.workspace) as follower:
        async with app.state.database.write() as uow:
            await delete_workspace(uow, world.admin.actor, world.workspace)
        assert (await follower.ended()).code == "FORBIDDEN"
    assert follower.seqs == []


async def test_a_disabled_user_loses_its_streams(app: FastAPI, world: World) -> None:
    async with following(app.state.hub, world.viewer.actor, world.workspace) as follower:
        async with app.state.database.write() as uow:
            identity = app.state.identity
            await update_user(
                uow, world.administrator.actor, world.viewer.id, UserUpdate(disabled=True), identity=identity
            )
        assert (await follower.ended()).code == "UNAUTHENTICATED"


async def test_rights_end_on_other_processes_too_without_a_bus(app: FastAPI, world: World) -> None:
    other = Hub(Database(app.state.settings.database_address), LocalBus(), HubOptions(beat=60, rights_beat=0.05))
    try:
        async with other.running(), following(other, world.viewer.actor, world.workspace) as follower:
            await remove_viewer(app, world)
            assert (await follower.ended()).code == "FORBIDDEN"
    finally:
        await other.database.dispose()


async def test_a_stranger_gets_no_stream(app: FastAPI, world: World) -> None:
    for workspace_id in (world.workspace, UUID(int=0)):
        with pytest.raises(AppError) as caught:
            async with open_stream(app.state.hub, world.stranger.actor, workspace_id, 0):
                pass
        assert caught.value.code == "NOT_FOUND"


async def test_a_wake_up_with_a_number_that_is_none_of_ours_silences_nobody(app: FastAPI, world: World) -> None:
    begin = await add_items(app, world, 1)
    hub: Hub = app.state.hub
    async with following(hub, world.viewer.actor, world.workspace, after=0) as follower:
        await follower.reach(begin)
        for wrong in (begin + 1, begin + 5000):
            hub.wake_log(workspace_log(world.workspace), wrong)
        end = await add_items(app, world, 2)
        await follower.reach(end)
    assert follower.seqs == numbers(1, end)


async def test_a_commit_during_the_look_at_such_a_number_is_told_at_once(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = await add_items(app, world, 1)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=600))
    look, looked = changes.head, False

    async def late(session: ReadSession, log: Log) -> Head:
        nonlocal looked
        found = await look(session, log)
        if not looked:
            looked = True
            await add_items(app, world, 1)
        return found

    async with hub.running(), following(hub, world.viewer.actor, world.workspace, after=begin) as follower:
        monkeypatch.setattr(changes, "head", late)
        hub.wake_log(workspace_log(world.workspace), begin + 5000)
        await follower.reach(begin + 1)
    assert (looked, follower.seqs) == (True, [begin + 1])


async def test_what_is_committed_while_a_stream_looks_for_the_end_of_the_log_is_told(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = await add_items(app, world, 1)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    see = access.see

    async def late(*arguments: Any) -> Any:
        workspace = await see(*arguments)
        monkeypatch.setattr(access, "see", see)
        await add_items(app, world, 1)
        return workspace

    monkeypatch.setattr(access, "see", late)
    async with hub.running(), following(hub, world.viewer.actor, world.workspace) as follower:
        await follower.reach(begin + 1)
    assert [event.seq for event in follower.events] == [begin, begin + 1]


async def test_the_table_is_read_with_the_subscribers_own_eyes(app: FastAPI, world: World) -> None:
    await add_items(app, world, 10)
    hub = Hub(app.state.database, LocalBus(), HubOptions(ring_entries=1, stream_page=3))
    async with open_stream(hub, world.viewer.actor, world.workspace, 0) as stream:
        told = stream.changes()
        assert [(await anext(told)).seq for _ in range(3)] == [1, 2, 3]
        # The hub's beats do not run, and the end of the log, where the removal stands, is far.
        await remove_viewer(app, world)
        with pytest.raises(AppError) as caught:
            await anext(told)
    assert caught.value.code == "FORBIDDEN"


async def test_the_hub_reads_no_more_letters_at_once_than_it_may(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = await add_items(app, world, 1)
    read = changes.following
    asked: list[int] = []

    async def read_and_tell(*arguments: Any, letters: int, **named: Any) -> Any:
        asked.append(letters)
        return await read(*arguments, letters=letters, **named)

    quiet = HubOptions(beat=NEVER, rights_beat=NEVER)
    for options, letters in ((replace(quiet, page_letters=7000), 7000), (replace(quiet, ring_bytes=8000), 2000)):
        hub = Hub(app.state.database, LocalBus(), options)
        async with hub.running(), following(hub, world.viewer.actor, world.workspace, after=begin) as follower:
            monkeypatch.setattr(changes, "following", read_and_tell)
            begin = await add_items(app, world, 1)
            await follower.reach(begin)
            monkeypatch.undo()
        assert set(asked) == {letters}
        asked.clear()


async def test_who_may_have_missed_wake_ups_looks_for_changes_and_at_rights_at_once(app: FastAPI, world: World) -> None:
    hub = Hub(Database(app.state.settings.database_address), LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    begin = await add_items(app, world, 1)
    try:
        async with (
            hub.running(),
            following(hub, world.editor.actor, world.workspace, after=begin) as watching,
            following(hub, world.viewer.actor, world.viewer.home) as ending,
        ):
            await ending.reach(1)
            await add_items(app, world, 1)
            data = UserUpdate(disabled=True)
            async with app.state.database.write() as uow:
                administrator, identity = world.administrator.actor, app.state.identity
                await update_user(uow, administrator, world.viewer.id, data, identity=identity)
            hub.catch_up()
            await watching.reach(begin + 1)
            assert (await ending.ended()).code == "UNAUTHENTICATED"
    finally:
        await hub.database.dispose()


async def test_a_token_that_expires_while_the_client_takes_nothing_is_noticed(app: FastAPI, world: World) -> None:
    await add_items(app, world, 10)
    assert isinstance(world.viewer.actor, UserActor)
    brief = replace(world.viewer.actor, expires_at=datetime.now(UTC) + timedelta(seconds=0.2))
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=0.02))
    async with hub.running(), open_stream(hub, brief, world.workspace, 0) as stream:

        async def has_ended() -> bool:
            return stream._error is not None

        await until(has_ended)
        with pytest.raises(AppError) as caught:
            await anext(stream.changes())
    assert caught.value.code == "UNAUTHENTICATED"


async def test_the_beat_asks_once_for_all_workspaces(app: FastAPI, world: World) -> None:
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=0.05, rights_beat=600))
    people = (world.admin, world.editor, world.viewer)
    asked: list[int] = []
    engine = app.state.database.engines[-1].sync_engine
    async with contextlib.AsyncExitStack() as stack:
        for person in people:
            await stack.enter_async_context(following(hub, person.actor, person.home))

        @event.listens_for(engine, "before_cursor_execute")
        def note(_c: object, _cursor: object, statement: str, parameters: Sequence[object], *_rest: object) -> None:
            if "FROM workspaces" in statement:
                asked.append(len(parameters))

        async def has_beaten() -> bool:
            return len(asked) >= 2

        await stack.enter_async_context(hub.running())
        await until(has_beaten)
        event.remove(engine, "before_cursor_execute", note)
    assert set(asked) == {len(people)}
