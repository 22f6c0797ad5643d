"""Accounts at both doors: signing up, one's own account, and what administrators do."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import AppFactory
from tests.doors.accounts import racing, same_door, sign_up
from tests.doors.door import Door
from tests.doors.history import changes_after, kinds
from tests.doors.people import PASSWORD, World
from tests.doors.refusals import refused
from tests.doors.rows import all_rows


async def test_signing_up_makes_an_account_with_a_personal_workspace_of_its_own(door: Door) -> None:
    account = await sign_up(door, name="  Ada Lovelace ", email="Ada.Lovelace@Example.COM")

    home = account["personal_workspace_id"]
    assert {key: value for key, value in account.items() if key not in ("id", "created_at", "updated_at")} == {
        "name": "Ada Lovelace",
        "email": "ada.lovelace@example.com",
        "email_verified_at": None,
        "two_step_since": None,
        "role": "member",
        "disabled": False,
        "membership_mails": False,
        "personal_workspace_id": home,
        "seq": None,
        "version": 1,
    }
    assert account["created_at"] == account["updated_at"]
    token = (await door.call("login", data={"email": "ada.lovelace@example.com", "password": PASSWORD}))["access_token"]
    assert await door.call("get_me", token=token) == account | {"seq": 0}
    workspaces = await door.call("list_workspaces", token=token)
    assert [(one["id"], one["name"], one["personal"]) for one in workspaces["data"]] == [(home, "Ada Lovelace", True)]
    members = await door.call("list_members", token=token, id=home)
    assert [(one["user_id"], one["role"]) for one in members["data"]] == [(account["id"], "admin")]
    log = await door.call("list_changes", token=token, id=home)
    assert [(one["seq"], one["kind"], one["entity"], one["actor_id"]) for one in log["data"]] == [
        (1, "created", "workspace", account["id"]),
        (2, "created", "member", account["id"]),
    ]


async def test_the_bounds_of_a_sign_up_are_still_inside(door: Door) -> None:
    shortest = await sign_up(door, name="A", email="a@example.com", password="Passwor8", password_confirm="Passwor8")
    longest = await sign_up(door, name="n" * 100, email="n@example.com", password="P" * 128, password_confirm="P" * 128)

    assert (shortest["name"], longest["name"]) == ("A", "n" * 100)
    data = {"email": "n@example.com", "password": "P" * 128}
    assert (await door.call("login", data=data))["token_type"] == "bearer"


INVALID: list[tuple[dict[str, Any], set[str]]] = [
    ({"name": ""}, {"name"}),
    ({"name": "   "}, {"name"}),
    ({"name": "n" * 101}, {"name"}),
    ({"name": "N\x00"}, {"name"}),
    ({"name": None}, {"name"}),
    ({"email": "ada"}, {"email"}),
    ({"email": "ada@"}, {"email"}),
    ({"email": "ada@example.com, eve@example.com"}, {"email"}),
    ({"email": None}, {"email"}),
    ({"password": "Short12", "password_confirm": "Short12"}, {"password"}),
    ({"password": "no capital letter", "password_confirm": "no capital letter"}, {"password"}),
    ({"password": "P" * 129, "password_confirm": "P" * 129}, {"password", "password_confirm"}),
    ({"password_confirm": "Correct horse 2"}, {"password_confirm"}),
    ({"password_confirm": None}, {"password_confirm"}),
    ({"role": "owner"}, {"role"}),
    ({"nickname": "ada"}, {"nickname"}),
    ({"disabled": True}, {"disabled"}),
]


async def test_invalid_sign_ups_are_refused_by_the_path_of_what_is_wrong(door: Door) -> None:
    for wrong, paths in INVALID:
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await sign_up(door, **wrong)
        assert refusal.paths == paths, wrong
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await door.call("create_user", data={})
    assert refusal.paths == {"name", "email", "password", "password_confirm"}


async def test_a_refused_password_is_not_repeated_in_the_answer(door: Door) -> None:
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await sign_up(door, password="no capital letter", password_confirm="neither here")
    assert "capital" not in str(refusal.details)
    assert "neither" not in str(refusal.details)


async def test_a_taken_address_is_refused_in_whatever_case(door: Door) -> None:
    await sign_up(door, email="ada@example.com")
    for email in ("ada@example.com", "ADA@Example.com"):
        async with refused(door, "CONFLICT") as refusal:
            await sign_up(door, email=email)
        assert refusal.message == "This e-mail address has an account already."


async def test_of_two_sign_ups_with_one_address_at_once_exactly_one_wins(door: Door) -> None:
    outcomes = await racing(
        *(sign_up(door, name=f"Ada {number}", email=email) for number, email in enumerate(["ada@x.org", "ADA@x.org"]))
    )

    assert sorted(outcomes) == ["CONFLICT", "OK"]
    rows = await all_rows(door.app)
    assert (len(rows["users"]), len(rows["workspaces"]), len(rows["members"])) == (1, 1, 1)


async def test_only_administrators_create_administrators(door: Door, world: World) -> None:
    for token in (None, world.admin.token):
        async with refused(door, "FORBIDDEN"):
            await sign_up(door, token=token, role="admin")
    account = await sign_up(door, token=world.administrator.token, role="admin")
    assert account["role"] == "admin"


async def test_closed_registration_lets_only_administrators_create_accounts(
    door: Door, world: World, make_app: AppFactory
) -> None:
    closed = same_door(door, await make_app(registration="closed"))
    for token in (None, world.editor.token):
        async with refused(closed, "FORBIDDEN") as refusal:
            await sign_up(closed, token=token)
        assert refusal.message == "Registration is closed; an administrator can create the account."
    async with refused(closed, "UNAUTHENTICATED") as refusal:
        await sign_up(closed, token="not a token")
    assert refusal.message == "The access token is not valid."
    account = await sign_up(closed, token=world.administrator.token, email="ada@example.com")
    assert account["email"] == "ada@example.com"
    log = await _log_as(closed, "ada@example.com", account["personal_workspace_id"])
    assert {change["actor_id"] for change in log} == {str(world.administrator.id)}


async def _log_as(door: Door, email: str, workspace: str) -> list[dict[str, Any]]:
    token = (await door.call("login", data={"email": email, "password": PASSWORD}))["access_token"]
    log: list[dict[str, Any]] = (await door.call("list_changes", token=token, id=workspace))["data"]
    return log


async def test_ones_own_account_changes_only_in_what_is_sent(door: Door, world: World) -> None:
    token = world.editor.token
    before = await door.call("get_me", token=token)
    after = await door.call("update_me", token=token, data={"name": " Grace "})
    assert after == {**before, "name": "Grace", "version": 2, "updated_at": after["updated_at"], "seq": None}
    assert after["updated_at"] > before["updated_at"]
    assert await door.call("get_me", token=token) == after | {"seq": before["seq"]}

    rows = await all_rows(door.app)
    assert await door.call("update_me", token=token, data={}) == after
    assert await door.call("update_me", token=token, data={"name": "Grace"}) == after
    assert await all_rows(door.app) == rows


async def test_another_name_is_a_change_in_each_workspace_that_shows_it(door: Door, world: World) -> None:
    user, (place, home) = str(world.editor.id), (str(world.workspace), str(world.editor.home))
    own, root = world.editor.token, world.administrator.token
    before = {one["user_id"]: one for one in (await door.call("list_members", token=own, id=place))["data"]}
    seqs = {where: (await door.call("get_workspace", token=own, id=where))["seq"] for where in (place, home)}

    await door.call("update_me", token=own, data={"name": "Grace"})
    await door.call("update_user", token=root, id=user, data={"name": "Grace Hopper"})
    await door.call("update_user", token=root, id=user, data={"name": "Grace Hopper", "role": "member"})
    await door.call("update_me", token=own, data={"email": "grace@example.com", "current_password": PASSWORD})

    for where in (place, home):
        told = await changes_after(door, own, where, seqs[where])
        assert kinds(told) == [("updated", "member", user, 2), ("updated", "member", user, 3)]
        assert [change["actor_id"] for change in told] == [user, str(world.administrator.id)]
        assert [change["state"]["name"] for change in told] == ["Grace", "Grace Hopper"]
        assert [change["changed"]["name"] for change in told] == ["Editor", "Grace"]
        assert [set(change["changed"]) for change in told] == [{"name", "version", "updated_at"}] * 2
    after = {one["user_id"]: one for one in (await door.call("list_members", token=own, id=place))["data"]}
    changed = {"version": 3, "updated_at": after[user]["updated_at"]}
    who = {"id": user, "name": "Grace Hopper", "email": "grace@example.com"}
    assert after == {**before, user: {**before[user], **changed, "user": who}}
    assert after[user]["updated_at"] > before[user]["updated_at"]
    assert (await door.call("list_changes", token=world.stranger.token, id=str(world.stranger.home)))["seq"] == 2


async def test_ones_own_account_refuses_null_and_what_is_not_its_owners_to_change(door: Door, world: World) -> None:
    for wrong in ({"name": None}, {"email": None}, {"password": None}, {"name": ""}, {"role": "admin"}):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            data = {"current_password": PASSWORD, "password_confirm": None, **wrong} if "password" in wrong else wrong
            await door.call("update_me", token=world.editor.token, data=data)
        assert set(wrong) <= refusal.paths, wrong
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("update_me", data={"name": "Nobody"})
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("get_me")


async def test_a_new_address_or_password_needs_the_current_password(door: Door, world: World) -> None:
    token = world.editor.token
    for change in ({"email": "new@example.com"}, {"password": "New horse 1", "password_confirm": "New horse 1"}):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call("update_me", token=token, data=change)
        assert refusal.paths == {"current_password"}
        async with refused(door, "VALIDATION_ERROR", logged="wrong_password") as refusal:
            await door.call("update_me", token=token, data={**change, "current_password": "Wrong horse 1"})
        assert refusal.paths == {"current_password"}
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await door.call("update_me", token=token, data={"password": "New horse 1", "current_password": PASSWORD})
    assert refusal.paths == {"password_confirm"}
    async with refused(door, "CONFLICT"):
        await door.call("update_me", token=token, data={"email": "VIEWER@example.com", "current_password": PASSWORD})

    changed = await door.call("update_me", token=token, data={"email": "New@Example.com", "current_password": PASSWORD})
    assert changed["email"] == "new@example.com"
    assert (await door.call("get_me", token=token))["email"] == "new@example.com"


async def test_a_new_password_ends_all_other_sessions_and_is_the_one_that_counts(door: Door, world: World) -> None:
    other = (await door.call("login", data={"email": world.editor.email, "password": PASSWORD}))["access_token"]
    data = {"password": "New horse 1", "password_confirm": "New horse 1", "current_password": PASSWORD}
    await door.call("update_me", token=world.editor.token, data=data)

    async with refused(door, "UNAUTHENTICATED") as refusal:
        await door.call("get_me", token=other)
    assert refusal.message == "The session of this access token has ended. Sign in again."
    assert await door.call("get_me", token=world.editor.token)
    async with refused(door, "UNAUTHENTICATED", logged="sign_in_failed"):
        await door.call("login", data={"email": world.editor.email, "password": PASSWORD})
    answer = await door.call("login", data={"email": world.editor.email, "password": "New horse 1"})
    assert (await door.call("get_me", token=answer["access_token"]))["id"] == str(world.editor.id)


async def test_administrators_list_all_accounts_oldest_first(door: Door, world: World) -> None:
    token = world.administrator.token
    names = ["Root", "Admin", "Editor", "Viewer", "Stranger"]
    whole = await door.call("list_users", token=token, include_total=True)
    assert [account["name"] for account in whole["data"]] == names
    assert (whole["total"], whole["next_cursor"]) == (5, None)

    first = await door.call("list_users", token=token, limit=3)
    assert [account["name"] for account in first["data"]] == names[:3]
    assert first["total"] is None
    second = await door.call("list_users", token=token, limit=3, cursor=first["next_cursor"])
    assert [account["name"] for account in second["data"]] == names[3:]
    assert second["next_cursor"] is None


async def test_rest_skips_accounts_and_says_where_it_made_a_new_one(rest: Door, world: World) -> None:
    page = await rest.call("list_users", token=world.administrator.token, skip=3, limit=1)
    assert [account["name"] for account in page["data"]] == ["Viewer"]
    data = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    response: httpx.Response = await rest.client.post("/api/users", json=data)
    assert response.status_code == httpx.codes.CREATED
    assert response.headers["location"] == f"/api/users/{response.json()['id']}"


async def test_accounts_are_shown_to_their_owners_and_administrators_only(door: Door, world: World) -> None:
    editor = str(world.editor.id)
    own = await door.call("get_account", token=world.editor.token, id=editor)
    assert own | {"seq": 2} == await door.call("get_me", token=world.editor.token)
    assert await door.call("get_account", token=world.administrator.token, id=editor) == own

    for unknown in (editor, str(uuid4())):
        async with refused(door, "FORBIDDEN"):
            await door.call("get_account", token=world.admin.token, id=unknown)
        async with refused(door, "UNAUTHENTICATED"):
            await door.call("get_account", id=unknown)
    async with refused(door, "NOT_FOUND") as refusal:
        await door.call("get_account", token=world.administrator.token, id=str(uuid4()))
    assert refusal.message == "There is no such user."
    async with refused(door, "FORBIDDEN"):
        await door.call("list_users", token=world.admin.token)


async def test_a_colleague_is_shown_by_name_to_whoever_shares_a_workspace(door: Door, world: World) -> None:
    editor = str(world.editor.id)
    for person in (world.editor, world.viewer, world.admin, world.administrator):
        assert await door.call("get_user", token=person.token, id=editor) == {"id": editor, "name": "Editor"}
    for unknown in (str(world.stranger.id), str(uuid4())):
        async with refused(door, "NOT_FOUND") as refusal:
            await door.call("get_user", token=world.admin.token, id=unknown)
        assert refusal.message == "There is no such user."
    async with refused(door, "NOT_FOUND"):
        await door.call("get_user", token=world.stranger.token, id=editor)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("get_user", id=editor)

    await door.call("remove_member", token=world.admin.token, id=str(world.workspace), user_id=editor)
    async with refused(door, "NOT_FOUND"):
        await door.call("get_user", token=world.viewer.token, id=editor)
    assert await door.call("get_user", token=world.editor.token, id=editor) == {"id": editor, "name": "Editor"}


async def test_administrators_change_accounts_and_nobody_else_does(door: Door, world: World) -> None:
    editor = str(world.editor.id)
    before = await door.call("get_account", token=world.administrator.token, id=editor)
    change = {"name": "Grace", "email": "Grace@Example.com", "role": "admin"}
    for token in (world.editor.token, world.admin.token):
        async with refused(door, "FORBIDDEN"):
            await door.call("update_user", token=token, id=editor, data=change)
    for wrong in ({"name": None}, {"role": None}, {"disabled": None}, {"disabled": 1}, {"version": 3}):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call("update_user", token=world.administrator.token, id=editor, data=wrong)
        assert refusal.paths == set(wrong)
    async with refused(door, "NOT_FOUND"):
        await door.call("update_user", token=world.administrator.token, id=str(uuid4()), data=change)
    async with refused(door, "CONFLICT"):
        await door.call("update_user", token=world.administrator.token, id=editor, data={"email": "VIEWER@example.com"})

    after = await door.call("update_user", token=world.administrator.token, id=editor, data=change)
    expected = {"name": "Grace", "email": "grace@example.com", "role": "admin", "version": 2}
    assert after == {**before, **expected, "updated_at": after["updated_at"]}
    page = await door.call("list_users", token=world.editor.token)
    assert len(page["data"]) == 5


async def test_a_password_set_by_an_administrator_ends_the_sign_ins_of_the_account(door: Door, world: World) -> None:
    data = {"password": "New horse 1", "password_confirm": "New horse 1"}
    await door.call("update_user", token=world.administrator.token, id=str(world.editor.id), data=data)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("get_me", token=world.editor.token)
    assert await door.call("login", data={"email": world.editor.email, "password": "New horse 1"})
    assert await door.call("get_me", token=world.administrator.token)


async def test_a_disabled_account_is_shut_out_until_it_is_enabled_again(door: Door, world: World) -> None:
    editor = str(world.editor.id)
    await door.call("update_user", token=world.administrator.token, id=editor, data={"disabled": True})
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await door.call("get_workspace", token=world.editor.token, id=str(world.workspace))
    assert refusal.message == "The account is disabled."
    async with refused(door, "UNAUTHENTICATED", logged="sign_in_failed"):
        await door.call("login", data={"email": world.editor.email, "password": PASSWORD})
    await door.call("update_user", token=world.administrator.token, id=editor, data={"disabled": False})
    # What it had signed in with before stays ended.
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await door.call("get_me", token=world.editor.token)
    assert refusal.message == "The session of this access token has ended. Sign in again."
    again = await door.call("login", data={"email": world.editor.email, "password": PASSWORD})
    assert (await door.call("get_me", token=again["access_token"]))["disabled"] is False


async def test_the_last_administrator_stays(door: Door, world: World) -> None:
    root = str(world.administrator.id)
    token = world.administrator.token
    second = await sign_up(door, token=token, role="admin", email="second@example.com")
    # An administrator who cannot sign in is none to rely on.
    await door.call("update_user", token=token, id=second["id"], data={"disabled": True})
    for change in ({"role": "member"}, {"disabled": True}, {"role": "member", "disabled": True}):
        async with refused(door, "CONFLICT") as refusal:
            await door.call("update_user", token=token, id=root, data=change)
        assert refusal.message == "This is the last administrator; make another one first."
    async with refused(door, "CONFLICT"):
        await door.call("delete_user", token=token, id=root)

    await door.call("update_user", token=token, id=root, data={"role": "admin", "name": "Still here"})
    await door.call("update_user", token=token, id=second["id"], data={"disabled": False})
    await door.call("update_user", token=token, id=root, data={"role": "member"})
    async with refused(door, "FORBIDDEN"):
        await door.call("list_users", token=token)


@pytest.mark.parametrize("way", ["demote", "disable", "delete"])
async def test_two_administrators_who_oust_each_other_at_once_leave_one(door: Door, world: World, way: str) -> None:
    token = world.administrator.token
    account = await sign_up(door, token=token, role="admin", email="second@example.com")
    login = await door.call("login", data={"email": "second@example.com", "password": PASSWORD})
    pairs = [(token, account["id"]), (login["access_token"], str(world.administrator.id))]
    data = {"demote": {"role": "member"}, "disable": {"disabled": True}, "delete": None}[way]
    operation = "delete_user" if way == "delete" else "update_user"

    outcomes = await racing(*(door.call(operation, token=token, id=user, data=data) for token, user in pairs))

    assert sorted(outcomes).count("OK") == 1
    # The slower one meets the last administrator, or learns at the door what became of it.
    assert set(outcomes) <= {"OK", "CONFLICT", "FORBIDDEN", "UNAUTHENTICATED"}
    winner = pairs[outcomes.index("OK")][0]
    accounts = (await door.call("list_users", token=winner))["data"]
    assert len([one for one in accounts if one["role"] == "admin" and not one["disabled"]]) == 1


async def test_ids_that_are_none_are_refused_by_their_path(door: Door, world: World) -> None:
    for operation, data in (("get_user", None), ("get_account", None), ("update_user", {}), ("delete_user", None)):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call(operation, token=world.administrator.token, id="17", data=data)
        assert refusal.paths == {"id"}


async def test_lengths_are_told_in_words_for_people(door: Door, world: World) -> None:
    account = {"name": "", "email": "a@example.com", "password": "Short 1", "password_confirm": "x" * 129}
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await door.call("create_user", data=account)
    assert {one["path"]: one["message"] for one in refusal.details["fields"]} == {
        "name": "It must have at least 1 character",
        "password": "It must have at least 8 characters",
        "password_confirm": "It must have at most 128 characters",
    }
