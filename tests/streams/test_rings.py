"""The rings of all workspaces share a bounded memory; who is behind them reads the table, and misses nothing."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import UUID

from fastapi import FastAPI

from api.schemas.items import ItemCreate
from api.schemas.workspaces import WorkspaceCreate
from api.services.items import create_item
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.live.ring import Ring, RingMemory
from api.services.workspaces import create_workspace
from db.models import Change, ChangeKind, EntityKind
from tests.doors.people import World
from tests.streams.following import following
from tests.streams.writing import write

SMALL = 1000
"""About what an entry with hardly any text counts."""


def entries(first: int, last: int, text: str = "") -> Sequence[Change]:
    """Return entries of a log."""
    zero = UUID(int=0)
    return [
        Change(
            workspace_id=zero,
            seq=seq,
            kind=ChangeKind.CREATED,
            entity=EntityKind.ITEM,
            entity_id=zero,
            version=1,
            state={"title": text},
            changed={},
        )
        for seq in range(first, last + 1)
    ]


def ring_in(memory: RingMemory) -> Ring:
    return Ring(0, memory, max_entries=100, max_bytes=10**9)


def test_what_was_used_longest_ago_makes_room() -> None:
    memory = RingMemory(10 * (SMALL + 100))
    one, two, three = (ring_in(memory) for _ in range(3))
    one.extend(entries(1, 4))
    two.extend(entries(1, 4))
    # Whoever reads a ring keeps it in use.
    assert [change.seq for change in one.after(1, 50, 10**6) or ()] == [2, 3, 4]
    three.extend(entries(1, 4))
    assert [(ring.floor, ring.head) for ring in (one, two, three)] == [(0, 4), (2, 4), (0, 4)]
    assert two.after(1, 50, 10**6) is None
    three.extend(entries(5, 8))
    assert [(ring.floor, ring.head) for ring in (one, two, three)] == [(2, 4), (4, 4), (0, 8)]
    # Nothing else is left to make room.
    three.extend(entries(9, 20))
    assert [(ring.floor, ring.head) for ring in (one, two)] == [(4, 4), (4, 4)]
    assert (three.head, three.floor) == (20, 10)
    assert 9 * SMALL < memory.bytes <= 10 * (SMALL + 100)


def test_a_ring_that_begins_anew_gives_its_memory_back() -> None:
    memory = RingMemory(10**6)
    ring, other = ring_in(memory), ring_in(memory)
    ring.extend(entries(1, 5))
    other.extend(entries(1, 1))
    alone = memory.bytes
    ring.restart(5)
    assert memory.bytes < alone / 5
    # A gap is a new beginning, too.
    other.extend(entries(9, 9))
    assert (other.floor, memory.bytes < alone / 5) == (8, True)
    other.restart(9)
    assert memory.bytes == 0


async def test_streams_of_many_workspaces_on_a_small_memory_get_everything_once(app: FastAPI, world: World) -> None:
    hub = Hub(app.state.database, LocalBus(), HubOptions(rings_bytes=8 * SMALL, stream_page=3, page=3))
    async with hub.running(), AsyncExitStack() as stack:
        workspaces: list[UUID] = []
        for number in range(6):
            made = await write(app, create_workspace, world.editor.actor, WorkspaceCreate(name=f"Bed {number}"))
            workspaces.append(made.id)
        followers = [
            await stack.enter_async_context(following(hub, world.editor.actor, workspace, after=0))
            for workspace in workspaces
            for _ in range(2)
        ]
        for round_ in range(8):
            for workspace in workspaces:
                data = ItemCreate(workspace_id=workspace, title=f"{round_}")
                await write(app, create_item, world.editor.actor, data)
        # Each log begins with the workspace and its first member.
        for follower in followers:
            await follower.reach(10)
        assert 0 < hub._memory.bytes <= 8 * SMALL
        late = [await stack.enter_async_context(following(hub, world.editor.actor, one, after=0)) for one in workspaces]
        for follower in late:
            await follower.reach(10)
    assert [follower.seqs for follower in followers + late] == [list(range(1, 11))] * 18
    # Nobody watches, and nothing is kept.
    assert (hub._memory.bytes, hub.channels, hub._by_user) == (0, {}, {})
