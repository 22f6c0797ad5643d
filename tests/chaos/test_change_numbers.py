"""The numbers of the change log under real concurrency: 1..n, without a gap, in the order of commits."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.core.actor import Actor
from api.schemas.items import ItemCreate
from api.services.changes import list_changes
from api.services.items import create_item
from db.engine import Database
from db.unit_of_work import UnitOfWork
from tests.chaos.waiting import LIMIT_SECONDS, someone_waits, until
from tests.conftest import AppFactory
from tests.doors.people import World, make_world

WRITERS = 20
TRANSACTIONS_EACH = 3
# Creating the workspace, its first admin and two more members took the first numbers.
BEFORE = 4


class AbandonedError(Exception):
    """Rolls a transaction back."""


@dataclass
class Outcome:
    """What the writers did: the items of each committed transaction with its last number, and those of the others."""

    committed: list[tuple[int, list[UUID]]] = field(default_factory=list)
    abandoned: list[UUID] = field(default_factory=list)


@dataclass
class Reader:
    """Polls the log with its last number, as a client does."""

    database: Database
    actor: Actor
    workspace: UUID
    last: int = 0
    seen: list[tuple[int, UUID]] = field(default_factory=list)

    async def poll(self) -> int:
        """Read one page and return how many entries it had."""
        async with self.database.read() as uow:
            stretch = await list_changes(uow, self.actor, self.workspace, after=self.last, limit=7)
        self.seen += [(change.seq, change.entity_id) for change in stretch.data]
        self.last = self.seen[-1][0] if self.seen else 0
        return len(stretch.data)

    async def poll_until(self, finished: asyncio.Event) -> None:
        """Poll until the writers are done and nothing is left."""
        while not finished.is_set():
            await self.poll()
            await asyncio.sleep(0)
        while await self.poll():
            pass


@dataclass
class Writer:
    """Writes transactions of one to four items, and gives up every third or so."""

    world: World
    database: Database
    outcome: Outcome
    random: random.Random

    async def run(self, start: asyncio.Barrier) -> None:
        """Wait for the others, then write."""
        await start.wait()
        for _ in range(TRANSACTIONS_EACH):
            await self._transaction()

    async def _transaction(self) -> None:
        written: list[UUID] = []
        try:
            async with self.database.write() as uow:
                for _ in range(self.random.randint(1, 4)):
                    item = await create_item(uow, self.world.editor.actor, self._data())
                    written.append(item.id)
                    # Load, not a wait: some transactions stay open longer than others.
                    await asyncio.sleep(self.random.random() * 0.008)
                self._perhaps_give_up()
        except AbandonedError:
            self.outcome.abandoned += written
        else:
            self.outcome.committed.append((uow.last_seqs[self.world.workspace], written))

    def _perhaps_give_up(self) -> None:
        if self.random.random() < 0.3:
            raise AbandonedError

    def _data(self) -> ItemCreate:
        return ItemCreate(title="One of many", workspace_id=self.world.workspace)


async def test_twenty_writers_leave_numbers_without_a_gap_and_a_reader_sees_each_once(make_app: AppFactory) -> None:
    app = await make_app(database_pool_size=WRITERS + 2)
    world = await make_world(app)
    database: Database = app.state.database
    outcome, start, finished = Outcome(), asyncio.Barrier(WRITERS), asyncio.Event()
    readers = [Reader(database, world.viewer.actor, world.workspace) for _ in range(2)]
    polls = [asyncio.create_task(reader.poll_until(finished)) for reader in readers]

    async with asyncio.timeout(LIMIT_SECONDS):
        seeds = [random.Random(seed) for seed in range(WRITERS)]  # noqa: S311 - load, not secrets
        await asyncio.gather(*(Writer(world, database, outcome, seed).run(start) for seed in seeds))
        finished.set()
        await asyncio.gather(*polls)

    assert len(outcome.committed) > WRITERS
    assert outcome.abandoned
    # In the order of their numbers, the transactions follow one another without a gap or an overlap.
    expected, number = [], BEFORE
    for last, items in sorted(outcome.committed):
        expected += [(number + offset, item_id) for offset, item_id in enumerate(items, 1)]
        number += len(items)
        assert last == number
    for reader in readers:
        assert [seq for seq, _ in reader.seen] == list(range(1, number + 1))
        assert reader.seen[BEFORE:] == expected


@dataclass
class Held:
    """A transaction that has its number and waits to be told to end."""

    task: asyncio.Task[int]
    let_go: Callable[[], None]
    give_up: Callable[[], None]


@asynccontextmanager
async def holding(database: Database, world: World) -> AsyncIterator[Held]:
    """Start a transaction that takes a number, and keep it open."""
    numbered, go, abandon = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def transaction() -> int:
        async with database.write() as uow:
            await _create(uow, world)
            numbered.set()
            await go.wait()
            if abandon.is_set():
                raise AbandonedError
        return uow.last_seqs[world.workspace]

    def give_up() -> None:
        abandon.set()
        go.set()

    task = asyncio.create_task(transaction())
    await numbered.wait()
    try:
        yield Held(task, go.set, give_up)
    finally:
        go.set()
        await asyncio.wait([task])


async def _create(uow: UnitOfWork, world: World) -> UUID:
    item = await create_item(uow, world.editor.actor, ItemCreate(title="Seen", workspace_id=world.workspace))
    return item.id


async def _write(database: Database, world: World) -> int:
    async with database.write() as uow:
        await _create(uow, world)
    return uow.last_seqs[world.workspace]


async def test_hasura_8632_a_later_number_never_commits_before_an_earlier_one(app: FastAPI, world: World) -> None:
    """The schedule of hasura/graphql-engine#8632: the earlier number commits later, and readers skip it."""
    database: Database = app.state.database
    reader = Reader(database, world.viewer.actor, world.workspace)
    await reader.poll()
    assert reader.last == BEFORE

    async with asyncio.timeout(LIMIT_SECONDS), holding(database, world) as first:
        second = asyncio.create_task(_write(database, world))
        await until(someone_waits(database))
        # The second writer cannot even take a number, so there is none to be seen too early.
        assert not second.done()
        assert await reader.poll() == 0

        first.let_go()
        assert await first.task == BEFORE + 1
        assert await second == BEFORE + 2

    assert await reader.poll() == 2
    assert [seq for seq, _ in reader.seen] == [1, 2, 3, 4, 5, 6]


async def test_a_number_given_back_by_a_rollback_goes_to_the_writer_who_waited(app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    reader = Reader(database, world.viewer.actor, world.workspace)

    async with asyncio.timeout(LIMIT_SECONDS), holding(database, world) as first:
        second = asyncio.create_task(_write(database, world))
        await until(someone_waits(database))
        first.give_up()
        with pytest.raises(AbandonedError):
            await first.task
        assert await second == BEFORE + 1

    assert await reader.poll() == BEFORE + 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_writers_of_different_workspaces_do_not_wait_for_each_other(app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    async with asyncio.timeout(LIMIT_SECONDS), holding(database, world) as first:
        async with database.write() as uow:
            await create_item(uow, world.stranger.actor, ItemCreate(title="At home"))
        assert uow.last_seqs == {world.stranger.home: 3}
        assert not first.task.done()
