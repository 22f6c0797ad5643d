"""Large operations are executed in turns, and a level is still read by one statement."""

import asyncio
import time
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api.core.pace import ALLOWANCE_SECONDS, Pace
from api.dependencies import LONG_BODY
from tests.doors.people import World
from tests.graphql.asking import read, statements
from tests.streams.writing import add_item

NO_TIME = 1e-9
PAGE = "{ items(first: 40) { nodes { owner { id } messages { nodes { id author { id } } } } } }"


async def test_who_has_many_operations_waits_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.core.pace.SLICE_SECONDS", NO_TIME)
    pace, done = Pace(), []

    async def work(caller: str, parts: int) -> None:
        for _ in range(parts):
            await pace.turn(caller)
            done.append(caller)

    async with asyncio.timeout(10):
        await asyncio.gather(*(work("many", 5) for _ in range(20)), work("one", 5))
    assert done.count("many") == 100
    # One part of each, in turn.
    assert [index for index, caller in enumerate(done) if caller == "one"][-1] <= 12


async def test_the_next_slice_is_whose_wait_is_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.core.pace.SLICE_SECONDS", NO_TIME)
    pace, done = Pace(), []

    async def work(caller: str) -> None:
        for _ in range(5):
            await pace.turn(caller)
            done.append(caller)

    async with asyncio.timeout(10):
        await asyncio.gather(*(work(caller) for caller in "abcd"))
    # Who asks first finds nobody before him; then all go round.
    assert "".join(done) == "a" + "abcd" * 4 + "bcd"


@pytest.mark.parametrize(
    ("guests", "held", "rests"),
    [
        # A part that could not be cut, with others about.
        (("a", "b"), ALLOWANCE_SECONDS * 2, True),
        (("b", "a", "a"), ALLOWANCE_SECONDS * 2, True),
        (("b",), ALLOWANCE_SECONDS * 2, True),
        # Nobody is slowed for nobody's sake.
        (("a", "a"), ALLOWANCE_SECONDS * 2, False),
        # What everybody may do at once.
        (("a", "b"), ALLOWANCE_SECONDS / 10, False),
    ],
)
async def test_who_held_the_loop_leaves_it_to_others_for_as_long(
    guests: tuple[str, ...], held: float, rests: bool
) -> None:
    pace = Pace()
    for guest in guests:
        pace.greet(guest)
    await pace.turn("a")
    time.sleep(held)  # noqa: ASYNC251 - a part of work that never lets go
    await asyncio.sleep(0)

    served: list[str] = []

    async def ask(caller: str) -> None:
        await pace.turn(caller)
        served.append(caller)

    async with asyncio.timeout(10):
        await asyncio.gather(ask("a"), ask("b"))
    assert served == (["b", "a"] if rests else ["a", "b"])


async def test_an_allowance_that_is_spent_in_small_parts_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.core.pace.EARNED_PER_SECOND", 0.0)
    pace = Pace()
    pace.greet("a")
    pace.greet("b")
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(30):
        await pace.turn("a")
        time.sleep(ALLOWANCE_SECONDS / 10)  # noqa: ASYNC251 - a part of work that never lets go
        await asyncio.sleep(0)

    # Ten parts at once, and as much rest as work from there on.
    assert loop.time() - began >= ALLOWANCE_SECONDS * (1 + 2 * 2) * 0.9


async def test_of_a_crowd_no_more_are_woken_than_may_find_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.core.pace.SLICE_SECONDS", NO_TIME)
    monkeypatch.setattr("api.core.pace.WOKEN_AT_ONCE", 2)
    pace, looks, done = Pace(), 0, []
    has_time = pace._has_time

    def counted(caller: str, now: float) -> bool:
        nonlocal looks
        looks += 1
        return has_time(caller, now)

    async def work(part: int) -> None:
        await pace.turn("crowd")
        done.append(part)

    monkeypatch.setattr(pace, "_has_time", counted)
    async with asyncio.timeout(10):
        await asyncio.gather(*(work(part) for part in range(100)))
    assert sorted(done) == list(range(100))
    # When they come, and two for each slice.
    assert looks <= 100 + 2 * 100


async def test_accounts_of_those_who_left_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.core.pace.FULL_AGAIN_SECONDS", 0.0)
    pace = Pace()
    for caller in range(100):
        await pace.turn(caller)
        await asyncio.sleep(0)
    assert len(pace._accounts) == 1


async def test_whatever_was_waited_for_is_completed_in_turn(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[object] = []
    turn = app.state.pace.turn

    async def counted(caller: UUID | str) -> None:
        turns.append(caller)
        await turn(caller)

    copies = " ".join(f"a{number}: owner {{ id }}" for number in range(20))
    query = f"query($id: UUID!) {{ item(id: $id) {{ {copies} }} }}"
    item = await add_item(app, world)
    monkeypatch.setattr(app.state.pace, "turn", counted)
    await read(client, world.viewer.token, query, id=str(item.id))
    # To read the body and the document, to read the item and the owners, for the item and each owner, and to write.
    assert turns == [world.viewer.id] * (2 + 2 + 1 + 20 + 1)


@pytest.mark.parametrize(("size", "times"), [(100, 0), (LONG_BODY, 1)])
@pytest.mark.parametrize("path", ["/api/items", "/api/users"])
async def test_a_large_body_is_read_when_it_is_its_senders_turn(
    app: FastAPI,
    client: httpx.AsyncClient,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    size: int,
    times: int,
) -> None:
    turns: list[object] = []
    turn = app.state.pace.turn

    async def counted(caller: UUID | str) -> None:
        turns.append(caller)
        await turn(caller)

    greeted: list[object] = []
    monkeypatch.setattr(app.state.pace, "turn", counted)
    monkeypatch.setattr(app.state.pace, "greet", greeted.append)
    is_known = path == "/api/items"
    headers = {"Authorization": f"Bearer {world.editor.token}"} if is_known else {}
    caller = world.editor.id if is_known else "127.0.0.1"
    await client.post(path, json={"title": "t", "description": "x" * size}, headers=headers)

    assert turns == [caller] * times
    assert greeted == [caller]


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
