"""Events are executed in turn: below the pool, one batch at a time, and nobody waits for another user's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from api.schemas.users import UserUpdate
from api.services import users
from api.services.users import update_user
from db.unit_of_work import ReadUnit
from graphql_schema.door.context import Context
from tests.conftest import AppFactory
from tests.doors.people import World, make_world
from tests.streams.subscribing import PATIENCE_SECONDS, subscribed
from tests.streams.writing import add_item, write

SHARED = "subscription($w: UUID!) { changes(workspaceId: $w) { seq kind ALIAS: actor { name } } }"
ALONE = SHARED.replace("{ changes", "{ ... { changes") + " }"
BOTH = pytest.mark.parametrize("query", [SHARED, ALONE], ids=["shared", "alone"])
SIMPLE = "subscription($w: UUID!) { changes(workspaceId: $w) { seq kind item { title } } }"


class SlowUsers:
    """Users that are not found before somebody says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running = self.most = 0
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self._load = users.get_users
        monkeypatch.setattr(users, "get_users", self.get)

    async def get(self, *arguments: Any) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.set()
        try:
            await self.go_on.wait()
            return await self._load(*arguments)
        finally:
            self.running -= 1


@BOTH
async def test_one_users_expensive_events_take_not_all_turns_and_others_go_on(
    make_app: AppFactory, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    app = await make_app(database_pool_size=20)
    world = await make_world(app)
    w = str(world.workspace)
    async with AsyncExitStack() as stack:
        expensive = [
            await stack.enter_async_context(subscribed(app, world.viewer.token, query.replace("ALIAS", f"a{n}"), w=w))
            for n in range(6)
        ]
        simple = await stack.enter_async_context(subscribed(app, world.editor.token, SIMPLE, w=w))
        slow = SlowUsers(monkeypatch)
        await add_item(app, world)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while slow.running < 3:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert (await simple.event())["item"] == {"title": "Buy seeds"}
        # Of the twelve connections for reading a quarter is one user's, and half of them all streams' together.
        assert slow.running == 3
        others = await subscribed_by_others(app, world, stack)
        await add_item(app, world)
        while slow.running < 6:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        assert (slow.most, slow.running) == (6, 6)
        slow.go_on.set()
        for subscriber in [*expensive, *others]:
            events = [await subscriber.event() for _ in range(2 if subscriber in expensive else 1)]
            assert [next(value for key, value in event.items() if key[0] == "a") for event in events] == [
                {"name": "Editor"}
            ] * len(events)
        assert slow.most == 6


async def subscribed_by_others(app: FastAPI, world: World, stack: AsyncExitStack) -> list[Any]:
    """Subscribe three times for each of two others."""
    return [
        await stack.enter_async_context(
            subscribed(app, person.token, SHARED.replace("ALIAS", f"a{person.name}{n}"), w=str(world.workspace))
        )
        for person in (world.admin, world.editor)
        for n in range(3)
    ]


@BOTH
async def test_an_event_reads_one_batch_at_a_time(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    read, running, most, reads = Context.read, 0, 0, 0

    @asynccontextmanager
    async def counted(context: Context) -> AsyncIterator[ReadUnit]:
        nonlocal running, most, reads
        async with read(context) as uow:
            running, reads = running + 1, reads + 1
            most = max(most, running)
            await asyncio.sleep(0)
            try:
                yield uow
            finally:
                running -= 1

    lists = " ".join(f"a{n}: messages(first: {n}) {{ nodes {{ body }} }}" for n in range(1, 9))
    query = query.replace("ALIAS: actor { name }", f"item {{ title {lists} }}")
    async with subscribed(app, world.viewer.token, query, w=str(world.workspace)) as subscriber:
        monkeypatch.setattr(Context, "read", counted)
        await add_item(app, world)
        assert (await subscriber.event())["item"]["a8"] == {"nodes": []}
    assert (reads, most) == (8, 1)


async def disable_viewer(app: FastAPI, world: World) -> None:
    data, identity = UserUpdate(disabled=True), app.state.identity
    await write(app, update_user, world.administrator.actor, world.viewer.id, data, identity=identity)


@BOTH
@pytest.mark.parametrize("when", ["waits", "runs"])
async def test_what_waits_or_runs_when_the_right_ends_is_not_told(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch, query: str, when: str
) -> None:
    slow = SlowUsers(monkeypatch)
    async with subscribed(app, world.viewer.token, query.replace("ALIAS", "a"), w=str(world.workspace)) as subscriber:
        turns = app.state.hub.turns
        places = [turns.ask(world.viewer.id) for _ in range(4)] if when == "waits" else []
        await add_item(app, world)
        if when == "runs":
            async with asyncio.timeout(PATIENCE_SECONDS):
                await slow.begun.wait()
        [stream] = app.state.hub.streams()
        await disable_viewer(app, world)
        while stream._error is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        # What has begun comes to its end; what it found is nobody's any more.
        slow.go_on.set()
        payload = await subscriber.next()
        assert (payload["data"], payload["errors"][0]["extensions"]["code"]) == (None, "UNAUTHENTICATED")
        assert await subscriber.socket.receive() == {"id": "1", "type": "complete"}
        for place in places:
            turns.leave(place)
    assert slow.begun.is_set() == (when == "runs")


@BOTH
async def test_an_event_is_executed_at_its_subscribers_expense(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    w = str(world.workspace)
    async with subscribed(app, world.viewer.token, query.replace("ALIAS", "a"), w=w) as subscriber:
        turns: list[object] = []
        turn = app.state.pace.turn

        async def counted(caller: object) -> None:
            turns.append(caller)
            await turn(caller)

        monkeypatch.setattr(app.state.pace, "turn", counted)
        await add_item(app, world)
        await subscriber.event()
    # To execute it, to read who did it, and for that.
    assert turns == [world.viewer.id] * 3
