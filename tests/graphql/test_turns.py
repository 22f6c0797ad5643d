"""Large operations are executed in turns, and a level is still read by one statement."""

import asyncio
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api.core.pace import HURRIED_SLICES, Pace, Work
from tests.doors.people import World
from tests.graphql.asking import read, statements
from tests.streams.writing import add_item

NO_TIME = 1e-9
PAGE = "{ items(first: 40) { nodes { owner { id } messages { nodes { id author { id } } } } } }"


async def test_who_has_many_operations_waits_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.core.pace.SLICE_SECONDS", NO_TIME)
    pace, done = Pace(), []

    async def work(actor: str, parts: int) -> None:
        own = Work()
        for _ in range(parts):
            await pace.turn(actor, own)
            done.append(actor)

    async with asyncio.timeout(10):
        await asyncio.gather(*(work("many", 5) for _ in range(20)), work("one", 5))
    assert done.count("many") == 100
    # One part of each, in turn.
    assert [index for index, actor in enumerate(done) if actor == "one"][-1] <= 12


async def test_the_next_slice_is_whose_wait_is_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.core.pace.SLICE_SECONDS", NO_TIME)
    pace, done = Pace(), []

    async def work(actor: str) -> None:
        own = Work()
        for _ in range(5):
            await pace.turn(actor, own)
            done.append(actor)

    async with asyncio.timeout(10):
        await asyncio.gather(*(work(actor) for actor in "abcd"))
    # Who asks first finds nobody before him; then all go round.
    assert "".join(done) == "a" + "abcd" * 4 + "bcd"


async def test_a_long_operation_pauses_so_that_a_short_request_gets_on_many_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.core.pace.SLICE_SECONDS", NO_TIME)
    pace, long, loops = Pace(), Work(), 0

    async def others() -> None:
        nonlocal loops
        while True:
            await asyncio.sleep(0)
            loops += 1

    other = asyncio.create_task(others())
    among: list[int] = []
    async with asyncio.timeout(10):
        for _ in range(HURRIED_SLICES + 4):
            before = loops
            await pace.turn("a", long)
            among.append(loops - before)
    other.cancel()
    # Each slice lets the loop go round once; after many of them it goes round for a while.
    assert max(among[: HURRIED_SLICES + 1]) <= 3 < min(among[HURRIED_SLICES + 2 :])


async def test_whatever_was_waited_for_is_completed_in_turn(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[object] = []
    turn = app.state.pace.turn

    async def counted(actor: UUID | None, work: Work) -> None:
        turns.append(actor)
        await turn(actor, work)

    copies = " ".join(f"a{number}: owner {{ id }}" for number in range(20))
    query = f"query($id: UUID!) {{ item(id: $id) {{ {copies} }} }}"
    item = await add_item(app, world)
    monkeypatch.setattr(app.state.pace, "turn", counted)
    await read(client, world.viewer.token, query, id=str(item.id))
    # One to read the document, one for the item, and one for each owner.
    assert turns[1:] == [world.viewer.id] * 21


async def test_a_level_is_one_statement_however_many_turns_it_takes(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {world.editor.token}"}
    for number in range(40):
        item = (await client.post("/api/items", json={"title": f"t{number}"}, headers=headers)).json()["id"]
        await client.post("/api/messages", json={"item_id": item, "body": "hello"}, headers=headers)
    with statements(app) as at_once:
        expected = await read(client, world.editor.token, PAGE)
    monkeypatch.setattr("api.core.pace.SLICE_SECONDS", NO_TIME)
    turns = 0

    async def bystand() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    bystander = asyncio.create_task(bystand())
    with statements(app) as in_turns:
        assert await read(client, world.editor.token, PAGE) == expected
    bystander.cancel()
    assert len(in_turns) == len(at_once)
    # A turn for each row at least.
    assert turns > 40 * 3
