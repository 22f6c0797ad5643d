"""Work for streams: so much at once, so much of each user, and the users one after the other."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.core.turns import Place, Turns
from tests.doors.people import World
from tests.errors.socket import connected
from tests.streams.transport import CHANGES

ADA, BEN, CAL = UUID(int=1), UUID(int=2), UUID(int=3)


def begun(places: Sequence[Place]) -> list[bool]:
    return [place.begun.done() and not place.begun.cancelled() for place in places]


async def test_so_much_at_once_in_all_and_so_much_of_each_user() -> None:
    turns = Turns(3, 2)
    adas = [turns.ask(ADA) for _ in range(4)]
    bens = [turns.ask(BEN) for _ in range(2)]
    assert (begun(adas), begun(bens)) == ([True, True, False, False], [True, False])
    turns.leave(bens[0])
    assert (begun(adas), begun(bens)) == ([True, True, False, False], [True, True])
    turns.leave(adas[0])
    assert begun(adas) == [True, True, True, False]


async def test_free_turns_go_round_among_the_users() -> None:
    turns = Turns(1, 1)
    first = turns.ask(ADA)
    adas = [turns.ask(ADA) for _ in range(3)]
    bens = [turns.ask(BEN) for _ in range(2)]
    cals = [turns.ask(CAL)]
    order = [*adas[:1], *bens[:1], *cals, *adas[1:2], *bens[1:], *adas[2:]]
    running = first
    for following in order:
        assert not following.begun.done()
        turns.leave(running)
        assert following.begun.done()
        running = following


async def test_who_gives_up_a_place_takes_nobodys_turn() -> None:
    turns = Turns(1, 1)
    first, second, third = (turns.ask(ADA) for _ in range(3))
    turns.leave(second)
    assert second.begun.cancelled()
    turns.leave(first)
    assert begun([third]) == [True]
    turns.leave(third)
    # A second time means nothing.
    turns.leave(third)
    assert begun([turns.ask(ADA), turns.ask(ADA)]) == [True, False]


async def test_a_place_in_two_lines_begins_with_the_first_of_them_and_counts_once() -> None:
    turns = Turns(2, 1)
    busy = turns.ask(ADA)
    shared = turns.ask(ADA)
    assert begun([shared]) == [False]
    turns.join(shared, BEN)
    assert begun([shared]) == [True]
    # It is at Ben's expense, and stands in Ada's line no more.
    bens, adas = turns.ask(BEN), turns.ask(ADA)
    assert begun([bens, adas]) == [False, False]
    turns.leave(shared)
    assert begun([bens, adas]) == [True, False]
    turns.leave(busy)
    assert begun([adas]) == [True]


async def test_a_place_whose_waiter_was_told_otherwise_is_passed_over() -> None:
    turns = Turns(1, 1)
    first, ended, third = (turns.ask(ADA) for _ in range(3))
    ended.begun.set_exception(RuntimeError)
    turns.leave(first)
    assert begun([third]) == [True]
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(ended.begun, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_socket_that_opens_and_ends_streams_as_fast_as_it_can_lets_the_rest_go_first(
    app: FastAPI, world: World
) -> None:
    payload = {"query": CHANGES, "variables": {"w": str(world.workspace), "after": 0}}
    turns_of_the_loop = 0

    async def witness() -> None:
        nonlocal turns_of_the_loop
        while True:
            await asyncio.sleep(0)
            turns_of_the_loop += 1

    async with connected(app) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {world.viewer.token}"}})
        assert (await socket.receive())["type"] == "connection_ack"
        watching = asyncio.create_task(witness())
        # All of it is there at once, as if the network had held it back.
        for number in range(200):
            socket.to_app.put_nowait(_message(type="subscribe", id=f"{number}", payload=payload))
            socket.to_app.put_nowait(_message(type="complete", id=f"{number}"))
        socket.to_app.put_nowait(_message(type="ping"))
        while (await socket.receive())["type"] != "pong":
            pass
        watching.cancel()
    assert turns_of_the_loop >= 200
    assert app.state.hub.channels == {}


def _message(**message: Any) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": json.dumps(message)}
