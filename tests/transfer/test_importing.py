"""Rows are imported all or not at all, by the rules of items, each with its change."""

import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.core.actor import SYSTEM
from api.core.errors import AppError
from api.core.pages import PageArguments
from api.schemas.items import ItemCreate, ItemFilter, ItemSort
from api.services.items import create_item, list_items
from api.services.transfer.exporting import export_lines
from api.services.transfer.importing import check_rows, import_rows, plan_import
from api.services.transfer.reading import FileFormat, Source
from api.services.transfer.rows import BadRow
from db.engine import Database
from db.errors import ConstraintViolatedError
from tests.doors.people import World
from tests.transfer.workspaces import export, load, log_of

OLD, NEW = uuid4(), uuid4()

NO_MEMBER = "The assignee must be a member of the workspace"
MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"assignee": "stranger@example.com"}, f"assignee: {NO_MEMBER}"),
    ({"assignee": "nobody@example.com"}, f"assignee: {NO_MEMBER}"),
    ({"assignee_id": str(OLD)}, f"assignee_id: {NO_MEMBER}"),
    ({"assignee_id": str(OLD), "version": 2}, f"assignee_id: {NO_MEMBER}"),
    ({"assignee": "a@example.com", "assignee_id": str(OLD)}, "assignee: Give assignee or assignee_id, not both"),
    ({"id": str(NEW)}, "id: This id is on an earlier line already"),
    ({"type": "message", "item_id": str(OLD)}, "item_id: No earlier line and nothing in the workspace is this item"),
]


def _none_is_bad(row: BadRow) -> None:
    pytest.fail(str(row))


async def state(database: Database, world: World) -> tuple[int, list[str]]:
    """Return the last number of the log and all rows: as long as they stay, nothing was written."""
    return len(await log_of(database, world.workspace)), await export(database, world.workspace)


async def test_new_items_get_the_defaults_and_the_order_of_the_file(database: Database, world: World) -> None:
    await load(database, world.workspace, [{"title": f"Item {n}"} for n in range(3)])

    lines = [json.loads(line) for line in await export(database, world.workspace)]

    assert [line["title"] for line in lines] == ["Item 0", "Item 1", "Item 2"]
    assert {name: lines[0][name] for name in lines[0] if name not in ("id", "created_at", "updated_at")} == {
        "type": "item",
        "title": "Item 0",
        "description": "",
        "status": "open",
        "priority": 0,
        "tags": [],
        "fields": {},
        "due_at": None,
        "deleted_at": None,
        "version": 1,
        "owner": "admin@example.com",
        "assignee": None,
    }
    assert lines[0]["created_at"] == lines[0]["updated_at"]


async def test_imported_items_are_found_by_text_like_any_other(database: Database, world: World) -> None:
    await load(database, world.workspace, [{"title": "GRÜN"}])
    async with database.read() as uow:
        page = await list_items(
            uow,
            world.viewer.actor,
            world.workspace,
            ItemFilter(text="grün"),
            sort=ItemSort.TITLE_ASC,
            page=PageArguments(limit=5),
        )
    assert [item.title for item in page.rows] == ["GRÜN"]


async def test_each_row_has_one_entry_in_the_log_without_gaps_over_several_batches(
    database: Database, world: World
) -> None:
    before = len(await log_of(database, world.workspace))

    await load(database, world.workspace, [{"title": f"Item {n}"} for n in range(1203)])

    log = await log_of(database, world.workspace)
    assert [change.seq for change in log] == list(range(1, before + 1204))
    states = [change.state for change in log[before:] if change.state is not None]
    assert [entry["title"] for entry in states] == [f"Item {n}" for n in range(1203)]
    assert {(change.kind, change.entity, change.actor_id, change.version) for change in log[before:]} == {
        ("created", "item", None, 1)
    }


async def test_a_check_writes_nothing_and_says_what_would_be_done(database: Database, world: World) -> None:
    before = await state(database, world)
    rows: list[Any] = [{"title": "A"}, {"title": ""}, {"type": "message", "body": "Hi"}, {"title": "B"}]

    outcome = await load(database, world.workspace, rows, dry=True)

    assert (outcome.tally.items, outcome.tally.messages, outcome.tally.bad) == (2, 1, 1)
    assert [row.line for row in outcome.bad] == [2]
    assert await state(database, world) == before


async def test_one_bad_row_keeps_all_of_them_out(database: Database, world: World) -> None:
    before = await state(database, world)
    rows = [{"title": f"Item {n}"} for n in range(1100)]
    rows[1050] = {"title": ""}

    with pytest.raises(AppError, match="Nothing was imported"):
        await load(database, world.workspace, rows)

    assert await state(database, world) == before


async def test_bad_rows_can_be_skipped(database: Database, world: World) -> None:
    before, _ = await state(database, world)
    rows: list[Any] = [{"title": "A"}, "not JSON\n", {"title": "B", "assignee": "stranger@example.com"}, {"title": "C"}]

    outcome = await load(database, world.workspace, rows, skip_bad=True)

    assert (outcome.tally.items, outcome.tally.bad) == (2, 2)
    assert [row.line for row in outcome.bad] == [2, 3]
    after, lines = await state(database, world)
    assert [json.loads(line)["title"] for line in lines] == ["A", "C"]
    assert after == before + 2


async def test_a_file_of_bad_rows_alone_writes_nothing(database: Database, world: World) -> None:
    before = await state(database, world)
    outcome = await load(database, world.workspace, ["x\n"] * 1001, skip_bad=True)
    assert (outcome.tally.bad, len(outcome.bad)) == (1001, 1001)
    assert await state(database, world) == before


async def test_a_row_must_fit_the_workspace(database: Database, world: World) -> None:
    rows: list[Any] = [{"id": str(NEW), "title": "A"}]
    for row, _ in MISFITS:
        rows.append({**({"body": "Hi"} if row.get("type") == "message" else {"title": "B"}), **row})

    outcome = await load(database, world.workspace, rows, dry=True)

    assert [(bad.line, bad.problems) for bad in outcome.bad] == [
        (line, (problem,)) for line, (_, problem) in enumerate(MISFITS, 2)
    ]


async def test_members_are_assigned_by_address_or_id(database: Database, world: World) -> None:
    rows = [{"title": "A", "assignee": "Viewer@example.com"}, {"title": "B", "assignee_id": str(world.viewer.id)}]
    await load(database, world.workspace, rows)
    assigned = [json.loads(line)["assignee"] for line in await export(database, world.workspace)]
    assert assigned == ["viewer@example.com"] * 2


async def test_a_message_of_a_bad_item_is_bad(database: Database, world: World) -> None:
    rows: list[Any] = [
        {"id": str(NEW), "title": ""},
        {"type": "message", "item_id": str(NEW), "body": "Hi"},
        {"type": "message", "body": "Hi"},
    ]
    outcome = await load(database, world.workspace, rows, skip_bad=True)
    assert [row.line for row in outcome.bad] == [1, 2]
    assert [json.loads(line)["type"] for line in await export(database, world.workspace)] == ["message"]


async def test_rows_belong_to_the_first_admin_or_the_owner_that_was_named(database: Database, world: World) -> None:
    await load(database, world.workspace, [{"title": "A"}])
    await load(
        database,
        world.workspace,
        [{"title": "B"}, {"title": "C", "owner": "admin@example.com"}],
        owner="viewer@example.com",
    )
    owners = [json.loads(line)["owner"] for line in await export(database, world.workspace)]
    assert owners == ["admin@example.com", "viewer@example.com", "admin@example.com"]


async def test_the_owner_must_be_a_member(database: Database, world: World) -> None:
    before = await state(database, world)
    for owner in ("stranger@example.com", "nobody@example.com"):
        with pytest.raises(AppError, match=f"Nobody with the e-mail address {owner} is a member of the workspace"):
            await load(database, world.workspace, [{"title": "A"}], owner=owner)
    assert await state(database, world) == before


async def test_an_id_taken_after_the_check_is_found_under_the_lock(database: Database, world: World) -> None:
    rows = [{"title": "A"}, {"id": str(NEW), "title": "B"}]
    assert (await load(database, world.workspace, rows, dry=True)).bad == []
    async with database.write() as uow:
        await create_item(uow, world.editor.actor, ItemCreate(id=NEW, title="Quicker"))
    before = await state(database, world)

    with pytest.raises(AppError, match="Nothing was imported"):
        await load(database, world.workspace, rows)

    assert await state(database, world) == before


async def test_others_write_while_rows_are_checked(database: Database, world: World) -> None:
    source = Source(io.BytesIO(b'{"title": "A"}\n' * 3), FileFormat.JSONL)
    async with database.read() as uow:
        plan = await plan_import(uow, SYSTEM, world.workspace, owner=None, new_ids=False, skip_bad=False)
        await check_rows(uow, SYSTEM, plan, source.rows(), on_bad=_none_is_bad)
        async with database.write() as writer:
            await create_item(writer, world.editor.actor, ItemCreate(workspace_id=world.workspace, title="Meanwhile"))
    assert len(await export(database, world.workspace)) == 1


async def test_only_admins_of_the_workspace_and_the_system_may_import(database: Database, world: World) -> None:
    before = await state(database, world)
    source = Source(io.BytesIO(b'{"title": "A"}\n'), FileFormat.JSONL)
    refusals = (
        (world.viewer, "needs an admin"),
        (world.editor, "needs an admin"),
        (world.stranger, "no such workspace"),
    )
    for person, message in refusals:
        async with database.read() as uow:
            plan = await plan_import(uow, SYSTEM, world.workspace, owner=None, new_ids=False, skip_bad=False)
        with pytest.raises(AppError, match=message):
            async with database.write() as writer:
                await import_rows(writer, person.actor, plan, source.rows(), on_bad=_none_is_bad)
    assert await state(database, world) == before


@pytest.fixture
async def poison(database: Database) -> AsyncIterator[None]:
    """A database that refuses items with one title."""
    if database.is_sqlite:
        refuse = "BEGIN SELECT RAISE(ABORT, 'poison is refused'); END"
        on = f"CREATE TRIGGER poison BEFORE INSERT ON items WHEN NEW.title = 'poison' {refuse}"
        off = "DROP TRIGGER poison"
    else:
        on = "ALTER TABLE items ADD CONSTRAINT poison CHECK (title <> 'poison')"
        off = "ALTER TABLE items DROP CONSTRAINT poison"
    async with database.engines[0].begin() as connection:
        await connection.execute(text(on))
    yield
    async with database.engines[0].begin() as connection:
        await connection.execute(text(off))


@pytest.mark.usefixtures("poison")
async def test_nothing_stays_of_an_import_that_the_database_refuses_in_the_middle(
    database: Database, world: World
) -> None:
    before = await state(database, world)
    rows = [{"title": f"Item {n}"} for n in range(1100)]
    rows[900] = {"title": "poison"}

    with pytest.raises(ConstraintViolatedError, match="poison"):
        await load(database, world.workspace, rows, skip_bad=True)

    assert await state(database, world) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_memory_does_not_grow_with_the_number_of_rows(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.transfer.importing.BATCH", 50)
    monkeypatch.setattr("api.services.transfer.exporting.STRETCH", 50)
    await load(database, world.workspace, [{"title": "What is made once is made"}] * 200)

    small, large = [await _peak(database, world, number) for number in (200, 2000)]

    # Ten times the rows; holding them would take ten times the memory.
    assert large < 2 * small


async def _peak(database: Database, world: World, number: int) -> int:
    """Return the most memory that an import and an export of so many rows take, besides the file."""
    source = Source(io.BytesIO(b'{"title": "A", "description": "%s"}\n' % (b"x" * 500) * number), FileFormat.JSONL)
    async with database.read() as uow:
        plan = await plan_import(uow, SYSTEM, world.workspace, owner=None, new_ids=False, skip_bad=False)
    tracemalloc.start()
    try:
        async with database.write() as writer:
            await import_rows(writer, SYSTEM, plan, source.rows(), on_bad=_none_is_bad)
        async with database.read() as uow:
            exported = 0
            async for _ in export_lines(uow, SYSTEM, world.workspace):
                exported += 1
        assert exported >= number
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
