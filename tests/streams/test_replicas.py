"""The README's rule for state that is read page by page leads no client astray, whatever happens meanwhile."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import event, example, given
from hypothesis import strategies as st

from api.core.errors import AppError
from api.schemas.items import ItemCreate, ItemUpdate
from api.schemas.messages import MessageCreate, MessageUpdate
from api.schemas.users import MeUpdate
from api.schemas.workspaces import MemberAdd, MemberUpdate, WorkspaceCreate, WorkspaceUpdate
from api.services import items, members, messages, users, workspaces
from db.models import Role
from db.models.base import new_id
from db.unit_of_work import UnitOfWork
from tests.conftest import client_of, make_settings, running
from tests.doors.door import Door, GraphQLDoor, RestDoor
from tests.doors.people import World, make_world
from tests.properties.rows import modest
from tests.streams.replicas import Replica

FULL = os.environ.get("CHAOS") == "full"

Step = tuple[str, int]
Write = Callable[[UnitOfWork], Coroutine[Any, Any, Any]]

# Few things of each kind, so that the same ones come and go again and again.
FEW = 2
WORDS = ("item", "edit item", "trash", "restore", "purge", "post", "edit post", "delete post")
KINDS = (*WORDS, *WORDS, "join", "role", "leave", "rename", "rename member")
histories = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, FEW - 1)), min_size=10, max_size=40)

BEGIN: Sequence[Step] = (("item", 0), ("item", 1), ("post", 0), ("post", 1), ("join", 0), ("join", 1))


class Workshop:
    """A workspace where steps happen one after the other, in the name of its admin."""

    def __init__(self, app: FastAPI, world: World) -> None:
        self.database = app.state.database
        self.identity = app.state.identity
        self.world = world
        self.workspace = new_id()
        self.items = [new_id() for _ in range(FEW)]
        self.posts = [new_id() for _ in range(FEW)]
        self._count = 0

    async def begin(self) -> None:
        data = WorkspaceCreate(name="Workshop", id=self.workspace)
        await self._write(lambda uow: workspaces.create_workspace(uow, self.world.admin.actor, data))
        for step in BEGIN:
            await self.do(step)

    async def do(self, step: Step) -> None:
        """Let a step happen; what the rules refuse does not happen."""
        kind, which = step
        self._count += 1
        work = self._work(f"{kind} {self._count}", self.items[which], self.posts[which], which)
        with suppress(AppError):
            await self._write(work[kind])

    def _work(self, text: str, item: UUID, post: UUID, which: int) -> dict[str, Write]:
        actor, place = self.world.admin.actor, self.workspace
        who = (self.world.editor, self.world.viewer)[which]
        user = who.id
        role = (Role.VIEWER, Role.EDITOR)[self._count % 2]
        # The second message belongs to the thread of the first item.
        posted = MessageCreate(id=post, workspace_id=place, item_id=self.items[0] if which else None, body=text)
        created = ItemCreate(id=item, workspace_id=place, title=text)
        return {
            "item": lambda uow: items.create_item(uow, actor, created),
            "edit item": lambda uow: items.update_item(uow, actor, item, ItemUpdate(title=text)),
            "trash": lambda uow: items.delete_item(uow, actor, item),
            "restore": lambda uow: items.restore_item(uow, actor, item),
            "purge": lambda uow: items.delete_item(uow, actor, item, permanent=True),
            "post": lambda uow: messages.create_message(uow, actor, posted),
            "edit post": lambda uow: messages.update_message(uow, actor, post, MessageUpdate(body=text)),
            "delete post": lambda uow: messages.delete_message(uow, actor, post),
            "join": lambda uow: members.add_member(uow, actor, place, MemberAdd(user_id=user, role=role)),
            "role": lambda uow: members.update_member(uow, actor, place, user, MemberUpdate(role=role)),
            "leave": lambda uow: members.remove_member(uow, actor, place, user),
            "rename member": lambda uow: users.update_me(uow, who.actor, MeUpdate(name=text), identity=self.identity),
            "rename": lambda uow: workspaces.update_workspace(uow, actor, place, WorkspaceUpdate(name=text)),
        }

    async def _write(self, work: Write) -> None:
        async with self.database.write() as uow:
            await work(uow)


@dataclass(frozen=True)
class Bench:
    """An application that runs through all examples, with its two doors."""

    app: FastAPI
    world: World
    doors: Sequence[Door]
    run: Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def bench(database_url: str, tmp_path: Path) -> Iterator[Bench]:
    """The application on each database, with a loop to work on it from plain functions."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        app = runner.run(stack.enter_async_context(running(make_settings(database_url, tmp_path))))
        client = runner.run(stack.enter_async_context(client_of(app)))
        doors = (RestDoor(app, client), GraphQLDoor(app, client))
        yield Bench(app, runner.run(make_world(app)), doors, runner.run)
        runner.run(stack.aclose())


async def follow(bench: Bench, door: Door, history: Sequence[Step]) -> None:
    """Read while the history goes on, replay it, and compare with what is read when all is quiet."""
    workshop = Workshop(bench.app, bench.world)
    await workshop.begin()
    left = list(history)

    async def go_on() -> None:
        if left:
            await workshop.do(left.pop(0))

    async def stand_still() -> None:
        pass

    replica = Replica(door, bench.world.admin.token, workshop.workspace, go_on)
    await replica.read()
    while left:
        await replica.replay()
    await replica.replay()

    witness = Replica(door, bench.world.admin.token, workshop.workspace, stand_still)
    await witness.read()
    event(f"rows at the end: {len(witness.copy)}")
    assert (replica.seq, replica.copy) == (witness.seq, witness.copy)


@given(history=histories)
@example([("rename", 0), ("delete post", 0), ("leave", 0), ("join", 0), ("role", 0)])
@example([("rename", 0), ("purge", 0), ("item", 0), ("post", 1), ("purge", 0), ("leave", 1)])
@example([*[("rename", 0)] * 5, ("leave", 0), ("join", 0), ("leave", 1), ("delete post", 0), ("post", 0)])
@modest(100 if FULL else 3)
def test_a_copy_that_is_kept_by_the_rule_equals_the_workspace(bench: Bench, history: Sequence[Step]) -> None:
    for door in bench.doors:
        bench.run(follow(bench, door, history))
