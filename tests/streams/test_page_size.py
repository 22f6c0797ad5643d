"""What a stream holds while its client is slow is short, in changes and in letters."""

from collections.abc import Sequence

from fastapi import FastAPI

from api.core.actor import SYSTEM
from api.schemas.items import ItemUpdate
from api.services.items import update_item
from api.services.live.options import HubOptions
from api.services.live.ring import Ring, RingMemory
from db.engine import Database
from db.models import Change
from db.repositories import changes
from tests.doors.people import World
from tests.streams.following import following
from tests.streams.writing import add_item, last_seq, write

LONG = 20_000


async def read(app: FastAPI, world: World, seq: int, limit: int, letters: int | None = None) -> Sequence[Change]:
    database: Database = app.state.database
    async with database.read() as uow:
        return await changes.after(uow.session, SYSTEM.scope(), world.workspace, seq, limit, letters=letters)


async def long_and_short(app: FastAPI, world: World) -> int:
    """Make three short changes, then three long ones; return the number before them."""
    before = await last_seq(app, world)
    for description in ("", "", "", *["🌱" * LONG] * 3):
        await add_item(app, world, description=description)
    return before


async def test_a_page_from_the_table_ends_where_it_gets_long_and_has_one_change_at_least(
    app: FastAPI, world: World
) -> None:
    before = await long_and_short(app, world)

    async def seqs(after: int, limit: int, letters: int | None) -> list[int]:
        return [change.seq - before for change in await read(app, world, before + after, limit, letters)]

    assert await seqs(0, 50, None) == [1, 2, 3, 4, 5, 6]
    assert await seqs(0, 2, 10_000) == [1, 2]
    assert await seqs(0, 50, 10_000) == [1, 2, 3]
    assert await seqs(3, 50, 10_000) == [4]
    assert await seqs(3, 50, 1_000_000) == [4, 5, 6]
    assert await seqs(6, 50, 10_000) == []


async def test_a_page_from_the_ring_ends_where_it_gets_long_and_has_one_change_at_least(
    app: FastAPI, world: World
) -> None:
    before = await long_and_short(app, world)
    ring = Ring(before, RingMemory(10**9), max_entries=10, max_bytes=10**9)
    ring.extend(await read(app, world, before, 10))

    def seqs(after: int, limit: int, letters: int) -> list[int] | None:
        found = ring.after(before + after, limit, letters)
        return None if found is None else [change.seq - before for change in found]

    assert seqs(0, 2, 10_000) == [1, 2]
    assert seqs(0, 50, 10_000) == [1, 2, 3]
    assert seqs(3, 50, 10_000) == [4]
    assert seqs(3, 50, 1_000_000) == [4, 5, 6]
    assert seqs(6, 50, 10_000) == []
    assert seqs(-1, 50, 10_000) is None


async def test_long_changes_arrive_all_and_in_order_from_table_and_ring(app: FastAPI, world: World) -> None:
    app.state.hub.options = HubOptions(stream_letters=50_000)
    item = await add_item(app, world)
    begin = await last_seq(app, world)

    async def lengthen(times: int) -> None:
        for number in range(times):
            data = ItemUpdate(description=f"{number} ".ljust(LONG, "x"))
            await write(app, update_item, world.editor.actor, item.id, data)

    await lengthen(5)
    async with following(app.state.hub, world.viewer.actor, world.workspace, after=begin) as follower:
        await lengthen(5)
        await follower.reach(begin + 10)
    assert follower.seqs == list(range(begin + 1, begin + 11))
