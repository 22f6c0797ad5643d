"""Turns: nobody takes more than a share, nobody is passed over, and no place is ever lost."""

import asyncio
from collections.abc import Hashable
from uuid import uuid4

import pytest

from db.errors import DatabaseUnavailableError, TooManyWaitingError
from db.turns import Shared, Turns


class Line:
    """Turns whose every guest is noted as it is let in, and leaves when it is told to."""

    def __init__(self, places: int, *, each: int, waiting: int = 100, seconds: float = 60.0) -> None:
        self.turns = Turns(places, each=each, waiting=waiting, seconds=seconds)
        self.inside: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._leave: dict[str, asyncio.Event] = {}

    async def come(self, *guests: str) -> None:
        """Let guests come, one after the other; the first letter is the key."""
        for guest in guests:
            self._leave[guest] = asyncio.Event()
            self.tasks[guest] = asyncio.create_task(self._stay(guest, guest[0]))
            await self.settle()

    async def go(self, *guests: str) -> None:
        """Let guests leave, one after the other."""
        for guest in guests:
            self._leave[guest].set()
            await self.tasks[guest]
            await self.settle()

    async def give_up(self, guest: str) -> None:
        """Cancel a guest."""
        self.tasks[guest].cancel()
        await asyncio.gather(self.tasks[guest], return_exceptions=True)
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that can."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def _stay(self, guest: str, key: Hashable) -> None:
        await self.turns.enter(key, guest[0])
        self.inside.append(guest)
        try:
            await self._leave[guest].wait()
        finally:
            self.inside.remove(guest)
            self.turns.leave(key)


async def test_a_key_has_its_share_and_others_come_in_beside_it() -> None:
    line = Line(3, each=2)
    await line.come("a1", "a2", "a3", "b1")
    assert line.inside == ["a1", "a2", "b1"]
    assert line.turns.waiting == 1
    await line.come("b2", "c1")
    await line.go("b1")
    # The line of a is older, but a has its share.
    assert line.inside == ["a1", "a2", "b2"]
    await line.go("a1")
    assert line.inside == ["a2", "b2", "a3"]
    await line.go("a2", "b2", "a3", "c1")
    assert (line.inside, line.turns.waiting) == ([], 0)


async def test_those_who_wait_are_served_in_rotation() -> None:
    line = Line(1, each=1)
    await line.come("a1", "a2", "a3", "a4", "b1", "c1", "c2")
    served = []
    while line.inside:
        served += line.inside
        await line.go(*line.inside)
    assert served == ["a1", "a2", "b1", "c1", "a3", "c2", "a4"]


async def test_who_gives_up_keeps_nobody_waiting() -> None:
    line = Line(1, each=1)
    await line.come("a1", "b1", "c1")
    await line.give_up("b1")
    assert line.turns.waiting == 1
    await line.give_up("a1")
    assert line.inside == ["c1"]


async def test_who_gives_up_at_the_moment_of_its_turn_passes_it_on() -> None:
    line = Line(1, each=1)
    await line.come("a1", "b1", "c1")
    line._leave["a1"].set()
    await asyncio.sleep(0)
    line.tasks["b1"].cancel()
    await line.settle()
    assert line.tasks["b1"].cancelled()
    assert line.inside == ["c1"]
    await line.go("c1")
    await line.come("d1")
    assert line.inside == ["d1"]
    await line.go("d1")


async def test_waiting_ends_in_time_and_loses_no_place() -> None:
    line = Line(1, each=1, seconds=0.01)
    await line.come("a1", "b1")
    with pytest.raises(DatabaseUnavailableError):
        await line.tasks["b1"]
    assert line.turns.waiting == 0
    await line.come("c1")
    await line.go("a1", "c1")
    await line.come("d1")
    assert line.inside == ["d1"]
    await line.go("d1")


async def test_a_caller_cannot_let_more_wait_than_allowed_and_keeps_others_from_nothing() -> None:
    line = Line(1, each=1, waiting=2)
    await line.come("a1", "a2", "a3", "a4")
    with pytest.raises(TooManyWaitingError) as caught:
        await line.tasks["a4"]
    assert caught.value.most == 2
    await line.come("b1", "b2")
    assert line.turns.waiting == 4
    await line.go("a1", "a2")
    await line.come("a5")
    assert not line.tasks["a5"].done()
    await line.go("b1", "a3", "b2", "a5")
    assert (line.inside, line.turns.waiting) == ([], 0)


async def test_twofold_itself_has_no_share_and_no_end_of_its_line() -> None:
    turns = Turns(2, each=1, waiting=0, seconds=60.0)
    await turns.enter(None, None)
    await turns.enter(None, None)
    third = asyncio.create_task(turns.enter(None, None))
    await asyncio.sleep(0)
    assert turns.waiting == 1
    turns.leave(None)
    await third


async def test_what_may_wait_inside_leaves_a_place_to_the_others() -> None:
    turns = Turns(3, each=1, waiting=10, seconds=60.0, spare=1)
    gardens = [Shared(uuid4()) for _ in range(3)]
    for garden in gardens[:2]:
        await turns.enter(garden, "ada")
    third = asyncio.create_task(turns.enter(gardens[2], "ada"))
    await asyncio.sleep(0)
    assert turns.waiting == 1
    await turns.enter("bob", "bob")
    turns.leave("bob")
    await asyncio.sleep(0)
    # Also when a place of the others is free.
    assert not third.done()
    turns.leave(gardens[0])
    await third
    assert turns.waiting == 0
