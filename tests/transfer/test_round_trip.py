"""What was exported is imported equal."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from api.core.actor import SYSTEM
from api.core.errors import AppError
from api.schemas.items import ItemCreate
from api.services.items import create_item
from api.services.members import remove_member
from api.services.transfer import exporting
from api.services.transfer.exporting import export_lines
from api.services.users import delete_user
from api.services.workspaces import delete_workspace
from db.engine import Database
from tests.doors.people import World
from tests.transfer.workspaces import another_installation, export, fill, load, log_of


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "STRETCH", 1)


async def test_an_export_holds_items_in_the_trash_and_messages_of_room_and_threads(
    database: Database, world: World
) -> None:
    trashed = await fill(database, world)

    lines: list[dict[str, Any]] = [json.loads(line) for line in await export(database, world.workspace)]

    assert [(line["type"], line.get("title") or line.get("body")) for line in lines] == [
        ("item", "Grüße 🌱\u2028x"),
        ("item", "Old"),
        ("message", "Hello"),
        ("message", " \u2029 x"),
        ("message", "Which?"),
        ("message", "Gone"),
    ]
    seeds, old, hello, _, which, gone = lines
    assert {name: seeds[name] for name in seeds if name not in ("id", "created_at", "updated_at")} == {
        "type": "item",
        "title": "Grüße 🌱\u2028x",
        "description": " two\nlines ",
        "status": "done",
        "priority": 3,
        "tags": ["ä", "a;b"],
        "fields": {"z": 1e20, "a": [None, {"b": "\x7f"}], "n": 10**30},
        "due_at": "2026-01-31T08:00:00.000001Z",
        "deleted_at": None,
        "version": 2,
        "owner": "editor@example.com",
        "assignee": "viewer@example.com",
    }
    assert old["id"] == str(trashed.id)
    assert old["deleted_at"] is not None
    assert (hello["item_id"], hello["author"]) == (None, "editor@example.com")
    assert (which["item_id"], which["author"]) == (seeds["id"], "admin@example.com")
    assert gone["item_id"] == old["id"]


@pytest.mark.usefixtures("short_stretches")
async def test_an_export_read_stretch_by_stretch_is_the_same(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, world)
    stretched = await export(database, world.workspace)
    monkeypatch.undo()
    assert stretched == await export(database, world.workspace)
    assert len(stretched) == 6


async def test_an_export_is_of_one_moment(database: Database, world: World) -> None:
    await fill(database, world)
    before = await export(database, world.workspace)
    lines: list[str] = []
    async with database.read() as uow:
        async for line in export_lines(uow, SYSTEM, world.workspace):
            lines.append(line)
            if len(lines) == 1:
                await load(database, world.workspace, [{"title": "Late"}, {"type": "message", "body": "Late"}])
    assert lines == before
    assert len(await export(database, world.workspace)) == len(before) + 2


async def test_what_another_installation_exported_comes_back_equal_and_is_logged_line_by_line(
    database: Database, world: World, tmp_path: Path, sqlite_template: Path
) -> None:
    async with another_installation(tmp_path / "other", sqlite_template) as (other, theirs):
        await fill(other, theirs)
        lines = await export(other, theirs.workspace)
    members = len(await log_of(database, world.workspace))

    outcome = await load(database, world.workspace, lines)

    assert (outcome.tally.items, outcome.tally.messages, outcome.bad) == (2, 4, [])
    assert not outcome.tally.stand_ins
    assert await export(database, world.workspace) == lines
    log = await log_of(database, world.workspace)
    assert [change.seq for change in log] == list(range(1, members + 7))
    assert [(change.kind, change.entity, str(change.entity_id), change.actor_id) for change in log[members:]] == [
        ("created", json.loads(line)["type"], json.loads(line)["id"], None) for line in lines
    ]
    assert [change.version for change in log[members:]] == [json.loads(line)["version"] for line in lines]
    old = log[members + 1].state
    assert old is not None
    assert old["deleted_at"] == json.loads(lines[1])["deleted_at"]
    assert old["workspace_id"] == str(world.workspace)


async def test_what_this_installation_exported_comes_back_equal_in_another(
    database: Database, world: World, tmp_path: Path, sqlite_template: Path
) -> None:
    await fill(database, world)
    lines = await export(database, world.workspace)
    async with another_installation(tmp_path / "other", sqlite_template) as (other, theirs):
        await load(other, theirs.workspace, lines)
        assert await export(other, theirs.workspace) == lines


async def test_ids_that_are_taken_are_bad_rows(database: Database, world: World) -> None:
    await fill(database, world)
    lines = await export(database, world.workspace)

    outcome = await load(database, world.editor.home, lines, dry=True)

    assert [(row.line, row.problems) for row in outcome.bad[:3]] == [
        (1, ("id: This id is taken",)),
        (2, ("id: This id is taken",)),
        (3, ("id: This id is taken",)),
    ]
    with pytest.raises(AppError, match="Nothing was imported"):
        await load(database, world.editor.home, lines)
    assert await export(database, world.editor.home) == []


async def test_a_copy_of_what_was_deleted_here_goes_on_from_its_last_version(database: Database, world: World) -> None:
    await fill(database, world)
    lines = [json.loads(line) for line in await export(database, world.workspace)]
    async with database.write() as uow:
        await delete_workspace(uow, world.admin.actor, world.workspace)
    newer = [{**lines[0], "version": 9}, *lines[1:]]

    await load(database, world.editor.home, newer)

    copies = [json.loads(line) for line in await export(database, world.editor.home)]
    # Each line's version was deleted with the one that follows it.
    assert copies == [newer[0], *({**line, "version": line["version"] + 2} for line in lines[1:])]


async def test_new_ids_copy_a_workspace_and_keep_messages_on_their_items(database: Database, world: World) -> None:
    await fill(database, world)
    lines = [json.loads(line) for line in await export(database, world.workspace)]

    await load(database, world.editor.home, lines, new_ids=True)

    copies = [json.loads(line) for line in await export(database, world.editor.home)]
    new = {line["id"]: copy["id"] for line, copy in zip(lines, copies, strict=True)}
    assert not new.keys() & set(new.values())
    expected = [
        {**line, "id": new[line["id"]], **({"item_id": new.get(line["item_id"])} if "item_id" in line else {})}
        for line in lines
    ]
    assert copies == expected
    assert [json.loads(line) for line in await export(database, world.workspace)] == lines


async def test_with_new_ids_a_message_is_never_put_on_an_item_that_was_there_before(
    database: Database, world: World
) -> None:
    trashed = await fill(database, world)
    message = {"type": "message", "item_id": str(trashed.id), "body": "Hi"}

    outcome = await load(database, world.workspace, [message], new_ids=True, dry=True)
    assert [row.problems for row in outcome.bad] == [("item_id: No earlier line is this item",)]

    outcome = await load(database, world.workspace, [message])
    assert outcome.tally.messages == 1


async def test_the_owner_stands_in_for_people_without_an_account_here(database: Database, world: World) -> None:
    copy = {"title": "A", "version": 3, "owner": "Nobody@example.com", "assignee": "nobody@example.com"}
    message = {"type": "message", "body": "Hi", "author": "someone@example.com"}

    outcome = await load(database, world.workspace, [copy, message], owner="EDITOR@example.com")

    assert outcome.tally.stand_ins == {"nobody@example.com": 1, "someone@example.com": 1}
    assert outcome.tally.unassigned == {"nobody@example.com": 1}
    item, text = [json.loads(line) for line in await export(database, world.workspace)]
    assert (item["owner"], item["assignee"], item["version"]) == ("editor@example.com", None, 3)
    assert text["author"] == "editor@example.com"


async def test_people_whose_accounts_were_deleted_are_exported_as_nobody(database: Database, world: World) -> None:
    await fill(database, world)
    async with database.write() as uow:
        await delete_user(uow, world.administrator.actor, world.viewer.id)
    line = json.loads((await export(database, world.workspace))[0])
    assert line["assignee"] is None
    assert line["owner"] == "editor@example.com"


async def test_a_copy_keeps_an_assignee_who_left_the_workspace(
    database: Database, world: World, tmp_path: Path, sqlite_template: Path
) -> None:
    await fill(database, world)
    for person in (world.viewer, world.editor):
        async with database.write() as uow:
            await remove_member(uow, world.admin.actor, world.workspace, person.id)
    lines = await export(database, world.workspace)
    assert json.loads(lines[0])["assignee"] == "viewer@example.com"

    async with another_installation(tmp_path / "other", sqlite_template) as (other, theirs):
        # Nobody of the workspace is a member of the stranger's, where it goes.
        outcome = await load(other, theirs.stranger.home, lines)
        assert outcome.bad == []
        assert await export(other, theirs.stranger.home) == lines


async def test_an_unknown_workspace_cannot_be_exported(database: Database) -> None:
    with pytest.raises(AppError, match="There is no such workspace"):
        await export(database, uuid4())


async def test_items_made_at_the_same_moment_are_all_exported(database: Database, world: World) -> None:
    moment = "2026-01-01T00:00:00Z"
    rows = [{"title": str(n), "created_at": moment, "updated_at": moment} for n in range(1100)]
    await load(database, world.workspace, rows)
    titles = [json.loads(line)["title"] for line in await export(database, world.workspace)]
    assert sorted(titles, key=int) == [str(n) for n in range(1100)]


async def test_an_item_of_another_workspace_is_not_exported(database: Database, world: World) -> None:
    async with database.write() as uow:
        await create_item(uow, world.editor.actor, ItemCreate(title="Private"))
    assert await export(database, world.workspace) == []
    assert [json.loads(line)["title"] for line in await export(database, world.editor.home)] == ["Private"]
