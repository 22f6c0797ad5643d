"""Members of workspaces at both doors."""

from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

import pytest

from tests.doors.accounts import racing
from tests.doors.door import Door
from tests.doors.history import changes_after, kinds, told_of
from tests.doors.people import Person, World
from tests.doors.refusals import refused
from tests.doors.rows import all_rows


async def add(door: Door, world: World, by: Person, **data: Any) -> dict[str, Any]:
    member: dict[str, Any] = await door.call("add_member", token=by.token, id=str(world.workspace), data=data)
    return member


async def give(door: Door, world: World, by: Person, to: Person, role: Any) -> dict[str, Any]:
    member: dict[str, Any] = await door.call(
        "update_member", token=by.token, id=str(world.workspace), user_id=str(to.id), data={"role": role}
    )
    return member


async def remove(door: Door, world: World, by: Person, who: Person) -> None:
    await door.call("remove_member", token=by.token, id=str(world.workspace), user_id=str(who.id))


async def seq_of(door: Door, world: World) -> int:
    workspace = await door.call("get_workspace", token=world.admin.token, id=str(world.workspace))
    seq: int = workspace["seq"]
    return seq


async def roles(door: Door, world: World, token: str | None = None) -> dict[str, str]:
    listed = await door.call("list_members", token=token or world.admin.token, id=str(world.workspace))
    return {member["user"]["name"]: member["role"] for member in listed["data"]}


async def test_members_are_listed_with_name_and_address_in_the_order_they_came(door: Door, world: World) -> None:
    for person in (world.viewer, world.editor, world.admin):
        listed = await door.call("list_members", token=person.token, id=str(world.workspace), include_total=True)
        assert [(member["user"], member["role"]) for member in listed["data"]] == [
            ({"id": str(world.admin.id), "name": "Admin", "email": "admin@example.com"}, "admin"),
            ({"id": str(world.editor.id), "name": "Editor", "email": "editor@example.com"}, "editor"),
            ({"id": str(world.viewer.id), "name": "Viewer", "email": "viewer@example.com"}, "viewer"),
        ]
        assert (listed["total"], listed["next_cursor"]) == (3, None)

    first = await door.call("list_members", token=world.viewer.token, id=str(world.workspace), limit=2)
    rest = await door.call(
        "list_members", token=world.viewer.token, id=str(world.workspace), limit=2, cursor=first["next_cursor"]
    )
    assert [member["user"]["name"] for member in first["data"] + rest["data"]] == ["Admin", "Editor", "Viewer"]
    assert rest["next_cursor"] is None


async def test_an_admin_lets_a_user_in_by_address_or_by_id(door: Door, world: World) -> None:
    seq = await seq_of(door, world)
    home = {"id": str(world.admin.home), "data": {"user_id": str(world.stranger.id)}}
    await door.call("add_member", token=world.admin.token, **home)
    by_address = await add(door, world, world.admin, email="Stranger@Example.com", role="viewer")
    by_id = await add(door, world, world.admin, user_id=str(world.administrator.id))

    assert {key: value for key, value in by_address.items() if key not in ("created_at", "updated_at")} == {
        "workspace_id": str(world.workspace),
        "user_id": str(world.stranger.id),
        "role": "viewer",
        "version": 1,
        "user": {"id": str(world.stranger.id), "name": "Stranger", "email": "stranger@example.com"},
    }
    assert (by_id["user_id"], by_id["role"]) == (str(world.administrator.id), "editor")
    assert (await roles(door, world, world.stranger.token))["Root"] == "editor"
    log = await changes_after(door, world.stranger.token, world.workspace, seq)
    assert kinds(log) == [("created", "member", member["user_id"], 1) for member in (by_address, by_id)]
    for change, member in zip(log, (by_address, by_id), strict=True):
        assert change["state"] == told_of(member)
        assert (change["changed"], change["actor_id"]) == ({}, str(world.admin.id))


async def test_who_is_unknown_a_member_already_or_named_badly_is_not_let_in(door: Door, world: World) -> None:
    # Whether somebody has an account whom one shares nothing with is nobody's business.
    unshared = "You share no workspace with anybody who has this address. Invite it with `invite_member`."
    for unknown, sentence in (
        ({"user_id": str(uuid4())}, "There is no such user."),
        ({"email": "nobody@example.com"}, unshared),
        ({"email": world.stranger.email}, unshared),
    ):
        async with refused(door, "NOT_FOUND") as refusal:
            await add(door, world, world.admin, **unknown)
        assert refusal.message == sentence
    for present in ({"user_id": str(world.viewer.id)}, {"email": "EDITOR@example.com"}, {"email": world.admin.email}):
        async with refused(door, "CONFLICT") as refusal:
            await add(door, world, world.admin, **present, role="admin")
        assert refusal.message == "The user is a member already."
    stranger = str(world.stranger.id)
    bad: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"email"}),
        ({"user_id": None, "email": None}, {"email"}),
        ({"user_id": stranger, "email": world.stranger.email}, {"email"}),
        ({"user_id": "17"}, {"user_id"}),
        ({"email": "nobody"}, {"email"}),
        ({"user_id": stranger, "role": "owner"}, {"role"}),
        ({"user_id": stranger, "role": None}, {"role"}),
        ({"user_id": stranger, "since": "today"}, {"since"}),
    ]
    for data, paths in bad:
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await add(door, world, world.admin, **data)
        assert refusal.paths == paths, data


async def test_a_user_let_in_twice_at_once_is_a_member_once(door: Door, world: World) -> None:
    seq = await seq_of(door, world)
    outcomes = await racing(*(add(door, world, world.admin, user_id=str(world.stranger.id)) for _ in range(3)))
    assert sorted(outcomes) == ["CONFLICT", "CONFLICT", "OK"]
    assert len(await changes_after(door, world.admin.token, world.workspace, seq)) == 1


async def test_an_admin_gives_a_member_another_role_and_it_counts_at_once(door: Door, world: World) -> None:
    seq = await seq_of(door, world)
    data = {"workspace_id": str(world.workspace), "title": "Seeds"}
    async with refused(door, "FORBIDDEN"):
        await door.call("create_item", token=world.viewer.token, data=data)
    before = (await changes_after(door, world.admin.token, world.workspace, 0))[-1]["state"]

    member = await give(door, world, world.admin, world.viewer, "editor")

    assert (member["role"], member["version"], member["user"]["name"]) == ("editor", 2, "Viewer")
    [change] = await changes_after(door, world.admin.token, world.workspace, seq)
    assert kinds([change]) == [("updated", "member", str(world.viewer.id), 2)]
    assert change["state"] == told_of(member)
    assert change["changed"] == {"role": "viewer", "version": 1, "updated_at": before["updated_at"]}
    rows = await all_rows(door.app)
    assert await give(door, world, world.admin, world.viewer, "editor") == member
    assert await all_rows(door.app) == rows
    assert await door.call("create_item", token=world.viewer.token, data=data)


async def test_roles_are_given_to_members_only_and_only_roles_there_are(door: Door, world: World) -> None:
    for wrong in ("owner", None, "", 3):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await give(door, world, world.admin, world.viewer, wrong)
        assert refusal.paths == {"role"}
    for operation, data in (("update_member", {"role": "viewer"}), ("remove_member", None)):
        for user in (str(world.stranger.id), str(uuid4())):
            async with refused(door, "NOT_FOUND") as refusal:
                await door.call(operation, token=world.admin.token, id=str(world.workspace), user_id=user, data=data)
            assert refusal.message == "There is no such member."
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call(operation, token=world.admin.token, id=str(world.workspace), user_id="17", data=data)
        assert refusal.paths == {"user_id"}


async def test_members_below_admin_manage_nobody(door: Door, world: World) -> None:
    for person in (world.editor, world.viewer):
        other = world.viewer if person is world.editor else world.editor
        async with refused(door, "FORBIDDEN"):
            await add(door, world, person, user_id=str(world.stranger.id))
        for whom in (person, other):
            async with refused(door, "FORBIDDEN"):
                await give(door, world, person, whom, "admin")
        async with refused(door, "FORBIDDEN"):
            await remove(door, world, person, other)


async def test_strangers_find_nobody_to_manage_and_nothing_changes(door: Door, world: World) -> None:
    seq, before = await seq_of(door, world), await roles(door, world)
    for person in (world.stranger, world.administrator):
        async with refused(door, "NOT_FOUND"):
            await add(door, world, person, user_id=str(person.id), role="admin")
        async with refused(door, "NOT_FOUND"):
            await give(door, world, person, world.admin, "viewer")
        for whom in (world.viewer, person):
            async with refused(door, "NOT_FOUND") as refusal:
                await remove(door, world, person, whom)
            assert refusal.message == "There is no such workspace."
    assert (await seq_of(door, world), await roles(door, world)) == (seq, before)


async def test_anybody_leaves_and_an_admin_takes_others_out(door: Door, world: World) -> None:
    seq = await seq_of(door, world)
    await remove(door, world, world.viewer, world.viewer)
    await remove(door, world, world.admin, world.editor)

    assert await roles(door, world) == {"Admin": "admin"}
    for person in (world.viewer, world.editor):
        async with refused(door, "NOT_FOUND"):
            await door.call("get_workspace", token=person.token, id=str(world.workspace))
    log = await changes_after(door, world.admin.token, world.workspace, seq)
    assert kinds(log) == [("deleted", "member", str(person.id), 2) for person in (world.viewer, world.editor)]
    assert [change["state"] for change in log] == [None, None]
    assert [change["actor_id"] for change in log] == [str(world.viewer.id), str(world.admin.id)]
    assert (log[0]["changed"]["role"], log[0]["changed"]["user_id"]) == ("viewer", str(world.viewer.id))
    again = await add(door, world, world.admin, user_id=str(world.viewer.id))
    assert (again["role"], again["version"]) == ("editor", 3)


async def test_the_last_admin_neither_leaves_nor_steps_down(door: Door, world: World) -> None:
    reason = "This is the last admin of the workspace; make another one first."
    for role in ("editor", "viewer"):
        async with refused(door, "CONFLICT") as refusal:
            await give(door, world, world.admin, world.admin, role)
        assert refusal.message == reason
    async with refused(door, "CONFLICT") as refusal:
        await remove(door, world, world.admin, world.admin)
    assert refusal.message == reason
    assert (await give(door, world, world.admin, world.admin, "admin"))["version"] == 1

    await give(door, world, world.admin, world.editor, "admin")
    await remove(door, world, world.admin, world.admin)
    assert await roles(door, world, world.editor.token) == {"Editor": "admin", "Viewer": "viewer"}
    async with refused(door, "CONFLICT"):
        await remove(door, world, world.editor, world.editor)


@pytest.mark.parametrize("way", ["step down", "leave", "oust"])
async def test_of_two_admins_who_go_at_once_one_stays(door: Door, world: World, way: str) -> None:
    await give(door, world, world.admin, world.editor, "admin")
    one, other = world.admin, world.editor
    if way == "leave":
        calls: list[Coroutine[Any, Any, Any]] = [remove(door, world, person, person) for person in (one, other)]
    elif way == "step down":
        calls = [give(door, world, person, person, "viewer") for person in (one, other)]
    else:
        calls = [give(door, world, one, other, "viewer"), give(door, world, other, one, "viewer")]

    outcomes = await racing(*calls)

    assert sorted(outcomes) == (["FORBIDDEN", "OK"] if way == "oust" else ["CONFLICT", "OK"])
    left = await roles(door, world, world.viewer.token)
    assert list(left.values()).count("admin") == 1


async def test_nobody_takes_a_user_out_of_the_personal_workspace(door: Door, world: World) -> None:
    home, owner = str(world.editor.home), str(world.editor.id)
    await door.call(
        "add_member", token=world.editor.token, id=home, data={"user_id": str(world.viewer.id), "role": "admin"}
    )
    for token in (world.editor.token, world.viewer.token):
        async with refused(door, "CONFLICT") as refusal:
            await door.call("remove_member", token=token, id=home, user_id=owner)
        assert refusal.message == "A user stays admin of the personal workspace."
        async with refused(door, "CONFLICT"):
            await door.call("update_member", token=token, id=home, user_id=owner, data={"role": "viewer"})
    await door.call("remove_member", token=world.editor.token, id=home, user_id=str(world.viewer.id))


async def test_nobody_in_particular_sees_and_manages_no_members(door: Door, world: World) -> None:
    garden, viewer = str(world.workspace), str(world.viewer.id)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("list_members", id=garden)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("add_member", id=garden, data={"user_id": viewer})
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("update_member", id=garden, user_id=viewer, data={"role": "admin"})
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("remove_member", id=garden, user_id=viewer)
