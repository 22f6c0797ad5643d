"""Versions only rise, at both doors: a deletion has one of its own, and what comes back goes on from there."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy import update

from api.core.actor import SYSTEM
from api.services.retention import trim_logs
from db.clock import utc_now
from db.engine import Database
from db.models import Change
from db.repositories import changes
from tests.doors.door import Door
from tests.doors.people import World
from tests.doors.things import make_item, make_message, read_log, refused

Story = list[tuple[str, str, int]]


async def told(door: Door, world: World, entity_id: Any) -> Story:
    """Return what the log says about one thing: kind, entity and version of each entry."""
    entries = (await read_log(door, world))["data"]
    return [(one["kind"], one["entity"], one["version"]) for one in entries if one["entity_id"] == str(entity_id)]


async def forget(app: FastAPI) -> None:
    """Let retention remove all that the logs say so far."""
    database: Database = app.state.database
    async with database.write() as uow:
        await uow.session.execute(update(Change).values(at=utc_now() - timedelta(days=2)))
    await trim_logs(database, SYSTEM, days=1)


async def purge(door: Door, world: World, item_id: str) -> None:
    await door.call("delete_item", token=world.admin.token, id=item_id, permanent=True)


async def test_a_deleted_item_that_is_made_again_goes_on_with_its_versions(door: Door, world: World) -> None:
    chosen = str(uuid4())
    await make_item(door, world, id=chosen)
    await door.call("update_item", token=world.editor.token, id=chosen, data={"title": "Sow seeds"})
    thread = await make_message(door, world, item_id=chosen)
    await purge(door, world, chosen)
    again = await make_item(door, world, id=chosen)
    assert again["version"] == 4
    assert await told(door, world, chosen) == [
        ("created", "item", 1),
        ("updated", "item", 2),
        ("deleted", "item", 3),
        ("created", "item", 4),
    ]
    assert await told(door, world, thread["id"]) == [("created", "message", 1), ("deleted", "message", 2)]
    # A version from before the deletion is no version of what is there now.
    with refused("PRECONDITION_FAILED"):
        await door.call("update_item", token=world.editor.token, id=chosen, data={"title": "X"}, expected_version=2)
    await purge(door, world, chosen)
    assert (await make_item(door, world, id=chosen))["version"] == 6


async def test_a_deleted_message_that_is_posted_again_goes_on_with_its_versions(door: Door, world: World) -> None:
    chosen = str(uuid4())
    for version in (1, 3, 5):
        assert (await make_message(door, world, id=chosen))["version"] == version
        await door.call("delete_message", token=world.editor.token, id=chosen)
    assert [version for _, _, version in await told(door, world, chosen)] == [1, 2, 3, 4, 5, 6]


async def test_a_member_who_comes_back_goes_on_with_its_versions_in_this_workspace_alone(
    door: Door, world: World
) -> None:
    viewer = str(world.viewer.id)
    member = {"token": world.admin.token, "id": str(world.workspace), "user_id": viewer}
    await door.call("update_member", **member, data={"role": "editor"})
    await door.call("remove_member", **member)
    back = await door.call(
        "add_member", token=world.admin.token, id=str(world.workspace), data={"user_id": viewer, "role": "viewer"}
    )
    assert (back["role"], back["version"]) == ("viewer", 4)
    assert [version for _, _, version in await told(door, world, viewer)] == [1, 2, 3, 4]
    elsewhere = await door.call("create_workspace", token=world.admin.token, data={"name": "Shed"})
    first = await door.call("add_member", token=world.admin.token, id=elsewhere["id"], data={"user_id": viewer})
    assert first["version"] == 1


async def test_a_trimmed_log_resets_no_version(door: Door, app: FastAPI, world: World) -> None:
    item, message = await make_item(door, world), await make_message(door, world)
    member = {"token": world.admin.token, "id": str(world.workspace)}
    await purge(door, world, item["id"])
    await door.call("delete_message", token=world.editor.token, id=message["id"])
    await door.call("remove_member", **member, user_id=str(world.viewer.id))
    await forget(app)

    seq = (await door.call("get_workspace", token=world.admin.token, id=str(world.workspace)))["seq"]
    again = [
        await make_item(door, world, id=item["id"]),
        await make_message(door, world, id=message["id"]),
        await door.call("add_member", **member, data={"user_id": str(world.viewer.id)}),
    ]
    assert [one["version"] for one in again] == [3, 3, 3]
    entries = (await read_log(door, world, after=seq))["data"]
    assert [entry["version"] for entry in entries] == [3, 3, 3]


async def test_what_a_deleted_workspace_held_goes_on_in_another_one(door: Door, world: World) -> None:
    shed = (await door.call("create_workspace", token=world.editor.token, data={"name": "Shed"}))["id"]
    item = await make_item(door, world, workspace_id=shed)
    message = await make_message(door, world, workspace_id=shed)
    edit = {"token": world.editor.token, "id": item["id"], "data": {"status": "done"}}
    await door.call("update_item", **edit)
    await door.call("delete_workspace", token=world.editor.token, id=shed)

    assert (await make_item(door, world, id=item["id"]))["version"] == 4
    assert (await make_message(door, world, id=message["id"]))["version"] == 3


async def test_a_deleted_workspace_says_so_with_a_version_of_its_own(door: Door, app: FastAPI, world: World) -> None:
    await door.call("delete_workspace", token=world.admin.token, id=str(world.workspace))
    database: Database = app.state.database
    async with database.read() as uow:
        last = await changes.after(uow.session, SYSTEM.scope(), world.workspace, 4, 10)
    assert [(one.kind, one.entity, one.version, one.state) for one in last] == [("deleted", "workspace", 2, None)]
