"""The life of items at both doors: create, change, trash, restore, delete for good."""

import re
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.doors.things import last_seq, make_item, make_message, read_log, refused

GENERATED = ("id", "created_at", "updated_at")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def read_item(door: Door, world: World, item_id: str) -> dict[str, Any]:
    item: dict[str, Any] = await door.call("get_item", token=world.viewer.token, id=item_id)
    return item


async def test_an_editor_creates_an_item_with_defaults(door: Door, world: World) -> None:
    item = await make_item(door, world)

    assert {name: value for name, value in item.items() if name not in GENERATED} == {
        "workspace_id": str(world.workspace),
        "owner_id": str(world.editor.id),
        "assignee_id": None,
        "title": "Buy seeds",
        "description": "",
        "status": "open",
        "priority": 0,
        "tags": [],
        "fields": {},
        "due_at": None,
        "version": 1,
        "deleted_at": None,
    }
    assert MOMENT.fullmatch(item["created_at"])
    assert item["updated_at"] == item["created_at"]
    assert await read_item(door, world, item["id"]) == item


async def test_every_field_comes_back_as_it_was_sent(door: Door, world: World) -> None:
    values = {
        "id": str(uuid4()),
        "title": "Säen 🌱",
        "description": " two\nlines ",
        "status": "in_progress",
        "priority": 4,
        "tags": ["garden", "Ünï"],
        "fields": {"z": 1, "a": [True, None, 1.5, "ß", {"deep": {}}], "big": 10**30},
        "assignee_id": str(world.viewer.id),
        "due_at": "2026-01-31T08:30:00.123456Z",
    }
    item = await make_item(door, world, **values)
    assert {name: item[name] for name in values} == values
    assert list(item["fields"]) == ["z", "a", "big"]
    assert await read_item(door, world, item["id"]) == item


async def test_without_a_workspace_the_item_goes_to_the_personal_one(door: Door, world: World) -> None:
    item = await door.call("create_item", token=world.editor.token, data={"title": "Mine"})
    assert item["workspace_id"] == str(world.editor.home)
    assert (await door.call("list_items", token=world.editor.token))["data"] == [item]


async def test_times_in_any_zone_come_back_as_utc_with_microseconds(door: Door, world: World) -> None:
    for sent, stored in {
        "2026-01-31T08:30:00+05:45": "2026-01-31T02:45:00.000000Z",
        "2026-01-31T08:30:00.5-08:00": "2026-01-31T16:30:00.500000Z",
        "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
        "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
    }.items():
        item = await make_item(door, world, due_at=sent)
        assert item["due_at"] == stored
        assert (await read_item(door, world, item["id"]))["due_at"] == stored


async def test_an_update_changes_what_was_sent_and_nothing_else(door: Door, world: World) -> None:
    item = await make_item(door, world, description="red ones", due_at="2026-02-01T00:00:00Z", tags=["a", "b"])
    changed = await door.call(
        "update_item", token=world.editor.token, id=item["id"], data={"title": "Buy bulbs", "due_at": None, "tags": []}
    )
    assert changed["updated_at"] > item["updated_at"]
    expected = {**item, "title": "Buy bulbs", "due_at": None, "tags": [], "version": 2}
    assert changed == {**expected, "updated_at": changed["updated_at"]}
    assert await read_item(door, world, item["id"]) == changed


async def test_an_update_that_changes_nothing_makes_no_version_and_no_change(door: Door, world: World) -> None:
    item = await make_item(door, world, fields={"a": 1}, due_at="2026-02-01T00:00:00Z")
    seq = await last_seq(door, world)
    same = {"title": item["title"], "fields": item["fields"], "due_at": "2026-02-01T01:00:00+01:00", "status": "open"}
    for data in ({}, same):
        assert await door.call("update_item", token=world.editor.token, id=item["id"], data=data) == item
    assert await last_seq(door, world) == seq


async def test_values_of_another_json_type_are_a_change(door: Door, world: World) -> None:
    # Python finds these equal: True == 1 == 1.0.
    values: list[dict[str, Any]] = [{"a": 1}, {"a": True}, {"a": 1.0}]
    item = await make_item(door, world, fields=values[0])
    for version, (before, after) in enumerate(pairwise(values), 2):
        changed = await door.call("update_item", token=world.editor.token, id=item["id"], data={"fields": after})
        assert (repr(changed["fields"]), changed["version"]) == (repr(after), version)
        entry = (await read_log(door, world))["data"][-1]
        assert (repr(entry["state"]["fields"]), repr(entry["changed"]["fields"])) == (repr(after), repr(before))


async def test_null_is_refused_where_a_value_is_needed(door: Door, world: World) -> None:
    item = await make_item(door, world)
    names = ("title", "description", "status", "priority", "tags", "fields")
    for name in names:
        with refused("VALIDATION_ERROR", name):
            await door.call("update_item", token=world.editor.token, id=item["id"], data={name: None})
    assert await read_item(door, world, item["id"]) == item


async def test_an_edit_of_an_outdated_version_is_refused_with_both_versions(door: Door, world: World) -> None:
    item = await make_item(door, world)
    editor = {"token": world.editor.token, "id": item["id"]}
    second = await door.call("update_item", **editor, data={"title": "Second"}, expected_version=1)
    assert second["version"] == 2

    seq = await last_seq(door, world)
    edits: dict[str, dict[str, Any]] = {"update_item": {"data": {"title": "Third"}}, "delete_item": {}}
    for operation, arguments in edits.items():
        with pytest.raises(DoorError) as caught:
            await door.call(operation, **editor, **arguments, expected_version=1)
        assert caught.value.code == "PRECONDITION_FAILED"
        assert caught.value.details == {"expected_version": 1, "current_version": 2}
    assert await read_item(door, world, item["id"]) == second
    assert await last_seq(door, world) == seq

    await door.call("delete_item", **editor, expected_version=2)
    assert (await read_item(door, world, item["id"]))["version"] == 3


async def test_a_repeated_create_with_the_same_id_is_the_same_create(door: Door, world: World) -> None:
    item_id = str(uuid4())
    item = await make_item(door, world, id=item_id)
    assert item["id"] == item_id
    seq = await last_seq(door, world)
    assert await make_item(door, world, id=item_id) == item
    assert await last_seq(door, world) == seq


async def test_an_id_that_somebody_else_used_is_a_conflict(door: Door, world: World) -> None:
    item = await make_item(door, world)
    data = {"id": item["id"], "title": "Taken"}
    for person, workspace in (
        (world.admin, world.workspace),
        (world.stranger, world.stranger.home),
        (world.editor, world.editor.home),
    ):
        with refused("CONFLICT"):
            await door.call("create_item", token=person.token, data={**data, "workspace_id": str(workspace)})
    assert await read_item(door, world, item["id"]) == item
    assert (await door.call("list_items", token=world.stranger.token))["data"] == []


async def test_an_assignee_must_be_a_member(door: Door, world: World) -> None:
    item = await make_item(door, world, assignee_id=str(world.viewer.id))
    seq = await last_seq(door, world)
    for outsider in (str(world.stranger.id), str(uuid4())):
        with refused("VALIDATION_ERROR", "assignee_id"):
            await make_item(door, world, assignee_id=outsider)
        with refused("VALIDATION_ERROR", "assignee_id"):
            await door.call("update_item", token=world.editor.token, id=item["id"], data={"assignee_id": outsider})
    assert await last_seq(door, world) == seq

    nobody = await door.call("update_item", token=world.editor.token, id=item["id"], data={"assignee_id": None})
    assert nobody["assignee_id"] is None


async def test_a_deleted_item_lies_in_the_trash_until_it_is_restored(door: Door, world: World) -> None:
    item = await make_item(door, world)
    editor = {"token": world.editor.token, "id": item["id"]}
    assert await door.call("delete_item", **editor) is None

    trashed = await read_item(door, world, item["id"])
    assert trashed["version"] == 2
    assert MOMENT.fullmatch(trashed["deleted_at"])
    seq = await last_seq(door, world)
    with refused("CONFLICT"):
        await door.call("update_item", **editor, data={"title": "New"})
    await door.call("delete_item", **editor)
    assert await last_seq(door, world) == seq
    assert await read_item(door, world, item["id"]) == trashed

    restored = await door.call("restore_item", **editor)
    assert restored == {**item, "version": 3, "updated_at": restored["updated_at"]}
    assert await door.call("restore_item", **editor) == restored
    assert await last_seq(door, world) == seq + 1
    kinds = [change["kind"] for change in (await read_log(door, world))["data"][-3:]]
    assert kinds == ["created", "deleted", "restored"]


async def test_deleting_for_good_takes_the_thread_along_each_with_its_change(door: Door, world: World) -> None:
    item, other = await make_item(door, world), await make_item(door, world)
    thread = [await make_message(door, world, item_id=item["id"], body=f"{n}") for n in range(3)]
    kept = [await make_message(door, world, item_id=other["id"]), await make_message(door, world)]
    seq = await last_seq(door, world)

    with refused("FORBIDDEN"):
        await door.call("delete_item", token=world.editor.token, id=item["id"], permanent=True)
    assert await last_seq(door, world) == seq
    await door.call("delete_item", token=world.admin.token, id=item["id"], permanent=True)

    entries = (await read_log(door, world, after=seq))["data"]
    told = [(entry["kind"], entry["entity"], entry["state"], entry["changed"]) for entry in entries]
    assert told == [
        *(("deleted", "message", None, message) for message in thread),
        ("deleted", "item", None, item),
    ]
    for operation, gone in (("get_item", item), *(("get_message", message) for message in thread)):
        with refused("NOT_FOUND"):
            await door.call(operation, token=world.admin.token, id=gone["id"])
    for message in kept:
        assert await door.call("get_message", token=world.viewer.token, id=message["id"]) == message


async def test_a_viewer_reads_but_does_not_write(door: Door, world: World) -> None:
    item = await make_item(door, world)
    seq = await last_seq(door, world)
    viewer = {"token": world.viewer.token}
    with refused("FORBIDDEN"):
        await door.call("create_item", **viewer, data={"workspace_id": str(world.workspace), "title": "No"})
    with refused("FORBIDDEN"):
        await door.call("update_item", **viewer, id=item["id"], data={"title": "No"})
    for operation in ("delete_item", "restore_item"):
        with refused("FORBIDDEN"):
            await door.call(operation, **viewer, id=item["id"])
    assert await last_seq(door, world) == seq
    assert await read_item(door, world, item["id"]) == item


async def test_who_is_outside_finds_nothing(door: Door, world: World) -> None:
    item = await make_item(door, world)
    seq = await last_seq(door, world)
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("get_item", {"id": item["id"]}),
        ("update_item", {"id": item["id"], "data": {"title": "No"}}),
        ("delete_item", {"id": item["id"]}),
        ("restore_item", {"id": item["id"]}),
        ("list_items", {"workspace_id": str(world.workspace)}),
        ("create_item", {"data": {"workspace_id": str(world.workspace), "title": "No"}}),
    )
    for operation, arguments in calls:
        for outsider in (world.stranger, world.administrator):
            with refused("NOT_FOUND"):
                await door.call(operation, token=outsider.token, **arguments)
        with refused("UNAUTHENTICATED"):
            await door.call(operation, **arguments)
    assert await last_seq(door, world) == seq
    assert await read_item(door, world, item["id"]) == item
