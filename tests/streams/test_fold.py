"""Folding `itemChanges` into a copy gives what a query finds, after every change, for whoever may read."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import event, given
from hypothesis import strategies as st

from api.core.errors import AppError, ErrorCode
from api.schemas.items import ItemCreate, ItemFilter, ItemRead, ItemSort, ItemUpdate
from api.schemas.messages import MessageCreate
from api.schemas.workspaces import MemberAdd, WorkspaceCreate
from api.services import items, log
from api.services.live.views import View
from api.services.members import add_member, remove_member
from api.services.messages import create_message
from api.services.workspaces import create_workspace
from db.clock import utc_now
from db.models import ItemStatus, Role
from db.models.base import new_id
from db.unit_of_work import UnitOfWork
from tests.conftest import make_settings, running
from tests.doors.people import Person, World, make_world
from tests.properties.conftest import Ground
from tests.properties.rows import lines, modest, moments, texts, to_item, values
from tests.properties.test_filters import conditions, to_filter
from tests.streams.folding import EVERYTHING, Copy, Ledger

FULL = os.environ.get("CHAOS") == "full"

MOST_COPIES = 10
KINDS = [
    *["create"] * 3,
    *["update"] * 4,
    *["trash"] * 2,
    *["watch"] * 2,
    *["restore", "purge", "message", "elsewhere", "leave", "join", "cut"],
]

changed_values = st.fixed_dictionaries(
    {},
    optional={
        "title": lines,
        "description": texts,
        "status": st.sampled_from(ItemStatus),
        "priority": st.integers(0, 4),
        "tags": st.lists(lines, max_size=2),
        "due_at": st.none() | moments,
        "assigned": st.booleans(),
    },
)


@dataclass(frozen=True)
class Step:
    """One thing that happens: who does what to which item, or who watches what."""

    kind: str
    who: int
    which: int
    values: dict[str, Any]
    where: dict[str, Any]
    moment: str | None


steps = st.builds(
    Step,
    kind=st.sampled_from(KINDS),
    who=st.integers(0, 2),
    which=st.integers(0, 4),
    values=changed_values,
    where=conditions(),
    moment=st.sampled_from([None, None, "updated_from", "updated_to", "created_from", "created_to"]),
)
bursts = st.lists(steps, min_size=1, max_size=3)


class Garden:
    """A workspace of one example, everybody who watches it, and what is known about it."""

    def __init__(self, app: FastAPI, world: World, ground: Ground) -> None:
        self.database = app.state.database
        self.people = (world.admin, world.editor, world.viewer)
        self.ground = ground
        self.ledger = Ledger(app.state.hub, ground.workspace, ids={person.id for person in self.people})
        self.copies: list[Copy] = []
        self.items: list[Any] = []

    async def begin(self) -> None:
        """Make the workspace."""
        self.ledger.ids.add(self.ledger.workspace)
        data = WorkspaceCreate(name="Garden", id=self.ledger.workspace)
        await self.write(lambda uow: create_workspace(uow, self.people[0].actor, data))
        self.ledger.present.add(self.people[0].id)
        for person in self.people[1:]:
            await self.join(person)

    async def write(self, work: Callable[[UnitOfWork], Coroutine[Any, Any, Any]]) -> None:
        """Make one change, and know it before any subscriber can; what the rules refuse does not happen."""
        with suppress(AppError):
            async with self.database.write() as uow:
                await work(uow)
            self.ledger.head = uow.last_seqs.get(self.ledger.workspace, self.ledger.head)

    async def join(self, person: Person) -> None:
        data = MemberAdd(user_id=person.id, role=Role.EDITOR)
        if person.id not in self.ledger.present:
            self.ledger.present.add(person.id)
            await self.write(lambda uow: add_member(uow, self.people[0].actor, self.ledger.workspace, data))

    async def leave(self, person: Person) -> None:
        if person.id in self.ledger.present - {self.people[0].id}:
            before = self.ledger.head
            await self.write(lambda uow: remove_member(uow, self.people[0].actor, self.ledger.workspace, person.id))
            self.ledger.present.discard(person.id)
            self.ledger.departures.append((before + 1, person.id))

    async def watch(self, person: Person, where: ItemFilter | None, *, replay: bool) -> None:
        copy = Copy(self.ledger, person, where)
        if not replay:
            await copy.begin_with_a_query()
        self.copies.append(copy)
        copy.open()

    async def do(self, step: Step) -> None:
        """Let a step happen, without waiting for anybody to hear of it."""
        person = self.people[step.who]
        if step.kind in ("join", "leave"):
            await (self.join if step.kind == "join" else self.leave)(person)
        elif step.kind == "watch" and person.id in self.ledger.present and len(self.copies) < MOST_COPIES:
            now = {step.moment: utc_now()} if step.moment else {}
            where = to_filter(self.ground, {**step.where, **now})
            await self.watch(person, where, replay=step.which == 0)
        elif step.kind == "cut":
            await self.copies[step.which % len(self.copies)].cut()
        elif step.kind in ("create", "elsewhere", "message"):
            await self.add(step, person)
        elif self.items and step.kind != "watch":
            await self.change(step, person)

    async def add(self, step: Step, person: Person) -> None:
        new, item = new_id(), self.items[step.which % len(self.items)] if self.items and step.which else None
        home = self.ledger.workspace
        if step.kind == "message":
            self.ledger.ids.add(new)
            data = MessageCreate(id=new, workspace_id=home, item_id=item, body="Well done")
            await self.write(lambda uow: create_message(uow, person.actor, data))
            return
        if step.kind == "create":
            self.ledger.ids.add(new)
            self.items.append(new)
        else:
            home = person.home
        given_ = {"title": "Rake", **self._columns(step)}
        await self.write(
            lambda uow: items.create_item(uow, person.actor, ItemCreate(id=new, workspace_id=home, **given_))
        )

    async def change(self, step: Step, person: Person) -> None:
        item, actor = self.items[step.which % len(self.items)], person.actor
        work: dict[str, Callable[[UnitOfWork], Coroutine[Any, Any, Any]]] = {
            "update": lambda uow: items.update_item(uow, actor, item, ItemUpdate(**self._columns(step))),
            "trash": lambda uow: items.delete_item(uow, actor, item),
            "restore": lambda uow: items.restore_item(uow, actor, item),
            "purge": lambda uow: items.delete_item(uow, self.people[0].actor, item, permanent=True),
        }
        await self.write(work[step.kind])

    def _columns(self, step: Step) -> dict[str, Any]:
        columns = {name: value for name, value in step.values.items() if name != "assigned"}
        if "assigned" in step.values:
            columns["assignee_id"] = self.ground.other if step.values["assigned"] else None
        return columns

    async def compare(self) -> None:
        """Let everything arrive, bring back who may come back, and compare each copy with a query."""
        for copy in self.copies:
            member = copy.person.id in self.ledger.present
            copy.open()
            error = await copy.settle()
            if member and error is not None:
                # It left and came back meanwhile: it resumes where it was.
                assert error.code is ErrorCode.FORBIDDEN
                copy.open()
                error = await copy.settle()
            if member:
                assert error is None
                seq, rows = await copy.asked()
                assert seq == self.ledger.head
                assert copy.where is None or copy.rows == rows
                assert copy.where is not None or copy.seq == seq
                event(f"copy has rows: {bool(copy.rows)}")
            else:
                assert error is not None
                assert error.code in (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND)
                with pytest.raises(AppError, match="workspace"):
                    await copy.asked()


@dataclass(frozen=True)
class Field:
    """An application that runs through all examples of a property, and its people."""

    app: FastAPI
    world: World
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    def ground(self) -> Ground:
        """Return a place for a workspace of one example."""
        database = self.app.state.database
        return Ground(database, self.run, new_id(), self.world.editor.id, self.world.viewer.id)


@pytest.fixture
def meadow(database_url: str, tmp_path: Path) -> Iterator[Field]:
    """The application on each database, with a loop to work on it from plain functions."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        app = runner.run(stack.enter_async_context(running(make_settings(database_url, tmp_path))))
        yield Field(app, runner.run(make_world(app)), runner.run)
        runner.run(stack.aclose())


@given(wheres=st.lists(conditions(), min_size=3, max_size=3), history=st.lists(bursts, min_size=4, max_size=8))
@modest(120 if FULL else 6)
def test_a_folded_copy_equals_the_list_after_every_step(
    meadow: Field, wheres: list[dict[str, Any]], history: list[list[Step]]
) -> None:
    async def check() -> None:
        garden = Garden(meadow.app, meadow.world, meadow.ground())
        await garden.begin()
        try:
            for person, where in zip(garden.people, wheres, strict=True):
                await garden.watch(person, to_filter(garden.ground, where), replay=True)
                await garden.watch(person, None, replay=True)
            await garden.watch(garden.people[2], ItemFilter(), replay=False)
            for burst in history:
                for step in burst:
                    await garden.do(step)
                await garden.compare()
        finally:
            for copy in garden.copies:
                await copy.cut()

    meadow.run(check())


@given(rows=st.lists(values(), min_size=1, max_size=5), wheres=st.lists(conditions(), min_size=1, max_size=5))
@modest(300 if FULL else 20)
def test_a_view_decides_as_the_query_does(
    meadow: Field, rows: list[dict[str, Any]], wheres: list[dict[str, Any]]
) -> None:
    world = meadow.world
    ground = Ground(meadow.app.state.database, meadow.run, world.workspace, world.editor.id, world.viewer.id)
    # Most conditions are taken from a row, or hardly anything would ever fit.
    row = rows[0]
    wheres = [*wheres, *({"tag": tag} for tag in row["tags"])]
    wheres += [{"text": text.strip()} for text in (row["title"].swapcase(), row["description"]) if text.strip()]
    for name in ("created", "updated", "due"):
        wheres += [{f"{name}_{end}": row[f"{name}_at"]} for end in ("from", "to") if row[f"{name}_at"]]

    async def check() -> None:
        made = [to_item(ground, row) for row in rows]
        async with ground.undone(*made) as uow:
            # As a stream gets them: out of the log's JSON.
            logged = [ItemRead.model_validate(log.snapshot(item)) for item in made]
            for given_ in wheres:
                where = to_filter(ground, given_)
                page = await items.list_items(
                    uow, ground.actor, ground.workspace, where, sort=ItemSort.CREATED_ASC, page=EVERYTHING
                )
                found = {item.id for item in page.rows}
                event(f"found some: {bool(found)}")
                assert {item.id for item in logged if View(where).shows(item)} == found, given_

    ground.run(check())
