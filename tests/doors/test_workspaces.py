"""Workspaces at both doors."""

from typing import Any
from uuid import uuid4

import httpx

from tests.doors.accounts import racing
from tests.doors.door import Door
from tests.doors.history import changes_after, kinds, told_of
from tests.doors.people import World
from tests.doors.refusals import refused
from tests.doors.rows import all_rows


async def make_workspace(door: Door, token: str, **values: Any) -> dict[str, Any]:
    workspace: dict[str, Any] = await door.call("create_workspace", token=token, data={"name": "Kitchen", **values})
    return workspace


def state_of(workspace: dict[str, Any]) -> dict[str, Any]:
    """Return what the log keeps of a workspace: all but the log's own length."""
    return {key: value for key, value in workspace.items() if key != "seq"}


async def test_whoever_creates_a_workspace_is_its_admin(door: Door, world: World) -> None:
    token = world.stranger.token
    workspace = await make_workspace(door, token, name="  Kitchen ")
    assert {key: value for key, value in workspace.items() if key not in ("id", "created_at", "updated_at")} == {
        "name": "Kitchen",
        "personal": False,
        "version": 1,
        "seq": 2,
    }
    assert workspace["created_at"] == workspace["updated_at"]
    assert await door.call("get_workspace", token=token, id=workspace["id"]) == workspace
    members = (await door.call("list_members", token=token, id=workspace["id"]))["data"]
    assert [(member["user_id"], member["role"]) for member in members] == [(str(world.stranger.id), "admin")]

    log = await changes_after(door, token, workspace["id"], 0)
    assert kinds(log) == [
        ("created", "workspace", workspace["id"], 1),
        ("created", "member", str(world.stranger.id), 1),
    ]
    assert log[0]["state"] == state_of(workspace)
    assert log[1]["state"] == told_of(members[0])
    assert [(change["changed"], change["actor_id"]) for change in log] == [({}, str(world.stranger.id))] * 2


async def test_names_have_1_to_100_characters(door: Door, world: World) -> None:
    token = world.admin.token
    assert (await make_workspace(door, token, name="n" * 100))["name"] == "n" * 100
    for wrong in ({"name": ""}, {"name": " "}, {"name": "n" * 101}, {"name": None}, {"id": "17"}, {"personal": True}):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await make_workspace(door, token, **wrong)
        assert refusal.paths == set(wrong)
    for change in ({"name": ""}, {"name": None}, {"name": "n" * 101}, {"personal": False}):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call("update_workspace", token=token, id=str(world.workspace), data=change)
        assert refusal.paths == set(change)


async def test_a_create_repeated_with_the_clients_id_is_the_same_create(door: Door, world: World) -> None:
    chosen = str(uuid4())
    first = await make_workspace(door, world.admin.token, id=chosen)
    assert first["id"] == chosen
    rows = await all_rows(door.app)
    assert await make_workspace(door, world.admin.token, id=chosen, name="Another name") == first
    assert await all_rows(door.app) == rows

    async with refused(door, "CONFLICT"):
        await make_workspace(door, world.stranger.token, id=chosen)
    await door.call("delete_workspace", token=world.admin.token, id=chosen)
    async with refused(door, "CONFLICT"):
        await make_workspace(door, world.admin.token, id=chosen)


async def test_two_creates_with_one_id_at_once_make_one_workspace(door: Door, world: World) -> None:
    chosen = str(uuid4())
    outcomes = await racing(*(make_workspace(door, world.admin.token, id=chosen) for _ in range(2)))
    assert set(outcomes) <= {"OK", "CONFLICT"}
    assert "OK" in outcomes
    assert len(await changes_after(door, world.admin.token, chosen, 0)) == 2


async def test_everybody_lists_the_workspaces_it_belongs_to_oldest_first(door: Door, world: World) -> None:
    made = [await make_workspace(door, world.editor.token, name=f"Room {number}") for number in range(3)]
    expected = [str(world.editor.home), str(world.workspace), *(one["id"] for one in made)]
    whole = await door.call("list_workspaces", token=world.editor.token, include_total=True)
    assert [one["id"] for one in whole["data"]] == expected
    assert whole["total"] == 5

    first = await door.call("list_workspaces", token=world.editor.token, limit=3)
    second = await door.call("list_workspaces", token=world.editor.token, limit=3, cursor=first["next_cursor"])
    assert [one["id"] for one in first["data"] + second["data"]] == expected
    assert (first["total"], second["next_cursor"]) == (None, None)
    own = await door.call("list_workspaces", token=world.stranger.token)
    assert [one["id"] for one in own["data"]] == [str(world.stranger.home)]
    own = await door.call("list_workspaces", token=world.administrator.token)
    assert [one["id"] for one in own["data"]] == [str(world.administrator.home)]


async def test_an_admin_renames_a_workspace_and_the_log_keeps_the_former_name(door: Door, world: World) -> None:
    garden = str(world.workspace)
    before = await door.call("get_workspace", token=world.viewer.token, id=garden)
    after = await door.call("update_workspace", token=world.admin.token, id=garden, data={"name": "Orchard"})
    seq = before["seq"]
    expected = {"name": "Orchard", "version": 2, "seq": seq + 1, "updated_at": after["updated_at"]}
    assert after == {**before, **expected}
    assert after["updated_at"] > before["updated_at"]
    assert await door.call("get_workspace", token=world.viewer.token, id=garden) == after

    [change] = await changes_after(door, world.viewer.token, garden, seq)
    assert kinds([change]) == [("updated", "workspace", garden, 2)]
    assert change["actor_id"] == str(world.admin.id)
    assert change["state"] == state_of(after)
    assert change["changed"] == {"name": "Garden", "version": 1, "updated_at": before["updated_at"]}

    rows = await all_rows(door.app)
    for same in ({}, {"name": "Orchard"}):
        assert await door.call("update_workspace", token=world.admin.token, id=garden, data=same) == after
    assert await all_rows(door.app) == rows


async def test_an_outdated_version_is_refused_with_both_versions(door: Door, world: World) -> None:
    garden, token = str(world.workspace), world.admin.token
    changed = await door.call("update_workspace", token=token, id=garden, data={"name": "Orchard"}, expected_version=1)
    assert changed["version"] == 2
    for outdated in (1, 3):
        async with refused(door, "PRECONDITION_FAILED") as refusal:
            await door.call(
                "update_workspace", token=token, id=garden, data={"name": "Meadow"}, expected_version=outdated
            )
        assert refusal.details == {"expected_version": outdated, "current_version": 2}


async def test_rest_tags_a_workspace_with_its_version_and_place(rest: Door, world: World) -> None:
    rest.client.headers["Authorization"] = f"Bearer {world.admin.token}"
    made = await rest.client.post("/api/workspaces", json={"name": "Kitchen"})
    address = f"/api/workspaces/{made.json()['id']}"
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, address, '"1"')
    changed = await rest.client.patch(address, json={"name": "Cellar"}, headers={"If-Match": made.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await rest.client.get(address)).headers["etag"] == '"2"'
    anyhow = await rest.client.patch(address, json={"name": "Attic"}, headers={"If-Match": "*"})
    assert (anyhow.status_code, anyhow.json()["version"]) == (200, 3)
    for wrong in ("3", 'w/"3"', '"three"', ""):
        answer = await rest.client.patch(address, json={"name": "Loft"}, headers={"If-Match": wrong})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST"), wrong
    assert (await rest.client.get(address)).json()["name"] == "Attic"
    gone = await rest.client.delete(address)
    assert (gone.status_code, gone.content) == (httpx.codes.NO_CONTENT, b"")


async def test_members_below_admin_neither_rename_nor_delete(door: Door, world: World) -> None:
    garden = str(world.workspace)
    for person, role in ((world.editor, "an editor"), (world.viewer, "a viewer")):
        async with refused(door, "FORBIDDEN") as refusal:
            await door.call("update_workspace", token=person.token, id=garden, data={"name": "Mine"})
        assert refusal.message == f"You are {role} here; this needs an admin."
        async with refused(door, "FORBIDDEN"):
            await door.call("delete_workspace", token=person.token, id=garden)


async def test_strangers_and_administrators_find_nothing_and_change_nothing(door: Door, world: World) -> None:
    garden = str(world.workspace)
    before = await door.call("get_workspace", token=world.admin.token, id=garden)
    for token in (world.stranger.token, world.administrator.token):
        for operation, data in (
            ("get_workspace", None),
            ("update_workspace", {"name": "Mine"}),
            ("delete_workspace", None),
            ("list_members", None),
            ("list_changes", None),
        ):
            async with refused(door, "NOT_FOUND") as refusal:
                await door.call(operation, token=token, id=garden, data=data)
            known = (refusal.message, refusal.details)
            async with refused(door, "NOT_FOUND") as refusal:
                await door.call(operation, token=token, id=str(uuid4()), data=data)
            # What exists and what does not look alike from outside.
            assert (refusal.message, refusal.details) == known == ("There is no such workspace.", {})
    assert await door.call("get_workspace", token=world.admin.token, id=garden) == before


async def test_a_deleted_workspace_is_gone_with_all_it_held(door: Door, world: World) -> None:
    garden = str(world.workspace)
    item = await door.call("create_item", token=world.editor.token, data={"workspace_id": garden, "title": "Seeds"})
    message = await door.call(
        "create_message", token=world.editor.token, data={"item_id": item["id"], "body": "Which?"}
    )
    others = await door.call("get_workspace", token=world.admin.token, id=str(world.admin.home))

    await door.call("delete_workspace", token=world.admin.token, id=garden)

    for operation, gone in (("get_workspace", garden), ("get_item", item["id"]), ("get_message", message["id"])):
        async with refused(door, "NOT_FOUND"):
            await door.call(operation, token=world.admin.token, id=gone)
    for operation in ("list_members", "list_changes", "delete_workspace"):
        async with refused(door, "NOT_FOUND"):
            await door.call(operation, token=world.admin.token, id=garden)
    assert garden not in {one["id"] for one in (await door.call("list_workspaces", token=world.admin.token))["data"]}
    assert await door.call("get_workspace", token=world.admin.token, id=str(world.admin.home)) == others
    rows = await all_rows(door.app)
    assert (rows["items"], rows["messages"]) == ([], [])
    assert not any("Garden" in row for table in rows.values() for row in table)


async def test_a_personal_workspace_is_not_deleted_but_may_be_renamed(door: Door, world: World) -> None:
    home = str(world.editor.home)
    async with refused(door, "CONFLICT") as refusal:
        await door.call("delete_workspace", token=world.editor.token, id=home)
    assert refusal.message == "A personal workspace is deleted with its account only."
    renamed = await door.call("update_workspace", token=world.editor.token, id=home, data={"name": "Den"})
    assert (renamed["name"], renamed["personal"]) == ("Den", True)


async def test_nobody_in_particular_has_no_workspaces(door: Door, world: World) -> None:
    garden = str(world.workspace)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("list_workspaces")
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("create_workspace", data={"name": "Nobody's"})
    for operation, data in (("get_workspace", None), ("update_workspace", {"name": "X"}), ("delete_workspace", None)):
        async with refused(door, "UNAUTHENTICATED"):
            await door.call(operation, id=garden, data=data)
