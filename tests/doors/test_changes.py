"""The change log at both doors: complete, in order, without gaps."""

from typing import Any

import pytest

from api.services import changes
from tests.doors.door import Door, DoorError
from tests.doors.history import told_of
from tests.doors.people import World
from tests.doors.things import make_item, make_message, read_log, refused


async def live_a_day(door: Door, world: World) -> None:
    """Do a bit of everything in the workspace, all in all 16 changes after the 4 of its beginning."""
    admin, editor, place = {"token": world.admin.token}, {"token": world.editor.token}, str(world.workspace)
    await door.call("update_workspace", **admin, id=place, data={"name": "Park"})
    await door.call("update_member", **admin, id=place, user_id=str(world.viewer.id), data={"role": "editor"})
    await door.call("update_me", **editor, data={"name": "Grace"})
    await door.call("add_member", **admin, id=place, data={"user_id": str(world.stranger.id), "role": "viewer"})
    await door.call("remove_member", **admin, id=place, user_id=str(world.viewer.id))
    one, two, three = [await make_item(door, world, fields={"n": n}) for n in range(3)]
    await door.call("update_item", **editor, id=one["id"], data={"fields": {"n": 1.5}, "tags": ["a"]})
    await make_message(door, world, item_id=one["id"])
    gone = await make_message(door, world)
    await door.call("delete_message", **editor, id=gone["id"])
    await door.call("delete_item", **editor, id=one["id"])
    await door.call("delete_item", **editor, id=two["id"])
    await door.call("restore_item", **editor, id=two["id"])
    await door.call("delete_item", **admin, id=three["id"], permanent=True)


async def test_numbers_run_from_1_without_gaps_however_they_are_read(door: Door, world: World) -> None:
    await live_a_day(door, world)
    whole = await read_log(door, world)
    assert [entry["seq"] for entry in whole["data"]] == list(range(1, 21))
    assert (whole["seq"], whole["has_more"]) == (20, False)

    read: list[dict[str, Any]] = []
    while True:
        after = read[-1]["seq"] if read else 0
        part = await door.call("list_changes", token=world.editor.token, id=str(world.workspace), after=after, limit=7)
        read += part["data"]
        assert (part["seq"], part["has_more"]) == (20, len(read) < 20)
        if not part["has_more"]:
            break
    assert read == whole["data"]
    end = await door.call("list_changes", token=world.editor.token, id=str(world.workspace), after=20)
    assert end == {"data": [], "seq": 20, "has_more": False}


async def test_a_walk_is_cut_where_it_gets_long_and_tells_every_entry_once(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small: list[str] = []
    for description in ("", "", "x" * 9000, "", "y" * 20_000, "z" * 20_000, ""):
        last = await make_item(door, world, description=description)
        if not description:
            small.append(last["id"])
    for item in small[:3]:
        await door.call("delete_item", token=world.admin.token, id=item, permanent=True)
    whole = await read_log(door, world)
    monkeypatch.setattr(changes, "MAX_LETTERS", 15_000)

    pages: list[list[dict[str, Any]]] = []
    while not pages or pages[-1][-1]["seq"] < whole["seq"]:
        part = await read_log(door, world, after=pages[-1][-1]["seq"] if pages else 0)
        assert part["has_more"] == (part["data"][-1]["seq"] < whole["seq"])
        pages.append(part["data"])

    # Each of the longest is more than a page holds; it has one to itself all the same. What is gone is short.
    assert [[entry["seq"] for entry in page] for page in pages] == [[*range(1, 9)], [9], [10], [*range(11, 15)]]
    assert [entry for page in pages for entry in page] == whole["data"]


async def test_folding_all_changes_gives_the_current_rows(door: Door, world: World) -> None:
    await live_a_day(door, world)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in (await read_log(door, world))["data"]:
        key = (entry["entity"], entry["entity_id"])
        former = rows.pop(key, {})
        assert entry["changed"] == {name: former[name] for name in entry["changed"]}
        if entry["state"] is not None:
            rows[key] = entry["state"]
            assert entry["version"] == entry["state"]["version"]

    kept: dict[str, list[dict[str, Any]]] = {}
    for (entity, _), state in rows.items():
        kept.setdefault(entity, []).append(state)
    place, token = {"workspace_id": str(world.workspace)}, world.admin.token
    workspace = await door.call("get_workspace", token=token, id=str(world.workspace))
    workspace.pop("seq")
    assert kept["workspace"] == [workspace]
    members = (await door.call("list_members", token=token, id=str(world.workspace)))["data"]
    assert sorted(kept["member"], key=str) == sorted(map(told_of, members), key=str)
    present = (await door.call("list_items", token=token, **place, sort="created"))["data"]
    trashed = (await door.call("list_items", token=token, **place, trashed=True))["data"]
    assert sorted(kept["item"], key=str) == sorted(present + trashed, key=str)
    thread = (await door.call("list_messages", token=token, item_id=trashed[0]["id"]))["data"]
    assert kept["message"] == thread


async def test_an_entry_tells_who_did_what_to_what_and_what_it_was_before(door: Door, world: World) -> None:
    item = await make_item(door, world)
    changed = await door.call(
        "update_item", token=world.admin.token, id=item["id"], data={"title": "Buy bulbs", "priority": 2}
    )
    entry = (await read_log(door, world))["data"][-1]
    assert entry == {
        "workspace_id": str(world.workspace),
        "seq": 6,
        "at": entry["at"],
        "actor_id": str(world.admin.id),
        "kind": "updated",
        "entity": "item",
        "entity_id": item["id"],
        "version": 2,
        "state": changed,
        "changed": {"title": "Buy seeds", "priority": 0, "version": 1, "updated_at": item["updated_at"]},
    }
    assert entry["at"] >= changed["updated_at"]


async def test_a_number_beyond_the_log_is_a_bad_request_that_tells_the_end(door: Door, world: World) -> None:
    for after in (5, 2**53 - 1):
        with pytest.raises(DoorError) as caught:
            await door.call("list_changes", token=world.viewer.token, id=str(world.workspace), after=after)
        assert (caught.value.code, caught.value.details) == ("BAD_REQUEST", {"seq": 4})


async def test_numbers_and_limits_out_of_range_are_refused(door: Door, world: World) -> None:
    log: dict[str, Any] = {"token": world.viewer.token, "id": str(world.workspace)}
    for name, value in (("after", -1), ("after", 2**53), ("limit", 0), ("limit", 101)):
        with refused("VALIDATION_ERROR", name):
            await door.call("list_changes", **{**log, name: value})
    for limit in (1, 100):
        assert len((await door.call("list_changes", **log, limit=limit))["data"]) == min(limit, 4)


async def test_every_member_reads_the_log_and_nobody_else(door: Door, world: World) -> None:
    for member in (world.viewer, world.editor, world.admin):
        assert (await door.call("list_changes", token=member.token, id=str(world.workspace)))["seq"] == 4
    for outsider in (world.stranger, world.administrator):
        with refused("NOT_FOUND"):
            await door.call("list_changes", token=outsider.token, id=str(world.workspace))
    with refused("UNAUTHENTICATED"):
        await door.call("list_changes", id=str(world.workspace))
