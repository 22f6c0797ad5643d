"""Deleting accounts at both doors: what goes with them, and what stays."""

import asyncio
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from api.core.errors import AppError
from api.schemas.workspaces import MemberAdd
from api.services.members import add_member
from api.services.users import delete_user
from db.engine import Database
from db.repositories import members
from tests.doors.accounts import sign_up
from tests.doors.door import Door
from tests.doors.people import World, make_person
from tests.doors.refusals import refused
from tests.doors.rows import all_rows


async def test_deleting_a_user_takes_its_own_workspaces_and_leaves_what_it_wrote_in_others(
    door: Door, world: World
) -> None:
    garden, editor = str(world.workspace), str(world.editor.id)
    alone = await door.call("create_workspace", token=world.editor.token, data={"name": "Mine alone"})
    await door.call("create_item", token=world.editor.token, data={"workspace_id": alone["id"], "title": "Secret"})
    item = await door.call("create_item", token=world.editor.token, data={"workspace_id": garden, "title": "Seeds"})
    for token in (world.editor.token, world.admin.token):
        async with refused(door, "FORBIDDEN"):
            await door.call("delete_user", token=token, id=editor)
    async with refused(door, "NOT_FOUND"):
        await door.call("delete_user", token=world.administrator.token, id=str(uuid4()))

    await door.call("delete_user", token=world.administrator.token, id=editor)

    await _is_gone(door, world)
    assert await door.call("get_item", token=world.viewer.token, id=item["id"]) == item
    assert await _author_in_history(door, world, item["id"]) == {"id": editor, "name": "Deleted user"}
    log = (await door.call("list_changes", token=world.viewer.token, id=garden, limit=100))["data"]
    last = log[-1]
    assert (last["kind"], last["entity"], last["entity_id"]) == ("deleted", "member", editor)
    assert last["actor_id"] == str(world.administrator.id)
    assert [change["seq"] for change in log] == list(range(1, len(log) + 1))
    rows = await all_rows(door.app)
    assert not any("Secret" in row or "Mine alone" in row for table in rows.values() for row in table)


async def _is_gone(door: Door, world: World) -> None:
    editor, token = str(world.editor.id), world.administrator.token
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await door.call("get_me", token=world.editor.token)
    assert refusal.message == "The account of this access token no longer exists."
    async with refused(door, "NOT_FOUND"):
        await door.call("get_user", token=token, id=editor)
    async with refused(door, "NOT_FOUND"):
        await door.call("delete_user", token=token, id=editor)
    assert editor not in {account["id"] for account in (await door.call("list_users", token=token))["data"]}
    members = await door.call("list_members", token=world.viewer.token, id=str(world.workspace))
    assert {member["user_id"] for member in members["data"]} == {str(world.admin.id), str(world.viewer.id)}
    assert not any(world.editor.email in row for row in (await all_rows(door.app))["users"])
    # The address is free again.
    assert (await sign_up(door, email=world.editor.email))["id"] != editor


async def _author_in_history(door: Door, world: World, item_id: str) -> Any:
    response = await door.client.post(
        "/graphql",
        json={"query": f'{{ item(id: "{item_id}") {{ owner {{ id name }} }} }}'},
        headers={"Authorization": f"Bearer {world.viewer.token}"},
    )
    return response.json()["data"]["item"]["owner"]


async def test_the_last_admin_of_a_shared_workspace_cannot_be_deleted(door: Door, world: World) -> None:
    admin, token = str(world.admin.id), world.administrator.token
    async with refused(door, "CONFLICT") as refusal:
        await door.call("delete_user", token=token, id=admin)
    assert refusal.details == {"workspace_ids": [str(world.workspace)]}
    assert await door.call("get_workspace", token=world.admin.token, id=str(world.admin.home))

    await door.call(
        "update_member",
        token=world.admin.token,
        id=str(world.workspace),
        user_id=str(world.editor.id),
        data={"role": "admin"},
    )
    await door.call("delete_user", token=token, id=admin)
    members = await door.call("list_members", token=world.editor.token, id=str(world.workspace))
    assert {member["user_id"] for member in members["data"]} == {str(world.editor.id), str(world.viewer.id)}


async def test_a_shared_personal_workspace_outlives_its_user_as_an_ordinary_one(door: Door, world: World) -> None:
    home = str(world.editor.home)
    await door.call(
        "add_member", token=world.editor.token, id=home, data={"user_id": str(world.viewer.id), "role": "admin"}
    )
    await door.call("delete_user", token=world.administrator.token, id=str(world.editor.id))

    workspace = await door.call("get_workspace", token=world.viewer.token, id=home)
    assert (workspace["personal"], workspace["version"]) == (False, 2)
    log = (await door.call("list_changes", token=world.viewer.token, id=home))["data"]
    assert [(one["kind"], one["entity"]) for one in log[-2:]] == [("deleted", "member"), ("updated", "workspace")]
    assert log[-1]["changed"] == {"personal": True, "version": 1, "updated_at": log[0]["state"]["updated_at"]}
    await door.call("delete_workspace", token=world.viewer.token, id=home)
    async with refused(door, "NOT_FOUND"):
        await door.call("get_workspace", token=world.viewer.token, id=home)


async def test_a_deleted_user_cannot_be_let_in_anywhere(door: Door, world: World) -> None:
    person = await make_person(door.app, "gone")
    await door.call("delete_user", token=world.administrator.token, id=str(person.id))
    for data in ({"user_id": str(person.id)}, {"email": person.email}):
        async with refused(door, "NOT_FOUND"):
            await door.call("add_member", token=world.admin.token, id=str(world.workspace), data=data)


async def test_a_user_deleted_while_it_is_added_is_no_ghost_member(app: FastAPI, world: World) -> None:
    """The deletion waits for the addition, or the addition finds nobody; either way no membership is left."""
    database: Database = app.state.database

    async def add() -> None:
        async with database.write() as uow:
            await add_member(uow, world.admin.actor, world.workspace, MemberAdd(user_id=world.stranger.id))

    async def delete() -> None:
        async with database.write() as uow:
            await delete_user(uow, world.administrator.actor, world.stranger.id)

    added, deleted = await asyncio.gather(add(), delete(), return_exceptions=True)

    assert deleted is None
    assert added is None or (isinstance(added, AppError) and added.code == "NOT_FOUND")
    async with database.read() as uow:
        assert await members.find(uow.session, world.workspace, world.stranger.id) is None
