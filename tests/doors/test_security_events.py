"""The security log: who did what, when and from where, told to administrators alone."""

from typing import Any

import pytest

from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.doors.refusals import refused

AGENT = "Test/1"


async def log_of(door: Door, world: World, **where: Any) -> list[dict[str, Any]]:
    """Return the whole log, oldest first."""
    page = await door.call("list_security_events", token=world.administrator.token, limit=100, **where)
    assert page["next_cursor"] is None
    events: list[dict[str, Any]] = page["data"]
    return events[::-1]


async def told(door: Door, world: World) -> list[tuple[str, str | None, str, dict[str, Any]]]:
    return [(one["kind"], one["user_id"], one["actor"], one["details"]) for one in await log_of(door, world)]


async def test_sign_ins_and_what_becomes_of_sessions_are_told(door: Door, world: World) -> None:
    door.client.headers["User-Agent"] = AGENT
    editor = str(world.editor.id)
    right = {"email": world.editor.email, "password": PASSWORD}
    for email in (world.editor.email, "nobody@example.com", "Correct horse 1"):
        with pytest.raises(DoorError):
            await door.call("login", data={"email": email, "password": "Wrong horse 1"})
    answers = [await door.call("login", data=right) for _ in range(4)]
    ids = [one["id"] for one in (await door.call("list_sessions", token=world.editor.token))["data"]][-2::-1]
    await door.call("logout", token=answers[0]["access_token"])
    await door.call("revoke_session", token=world.editor.token, id=ids[1])
    await door.call("revoke_all_sessions", token=world.editor.token)
    # Nothing is left to be ended, and nothing is told.
    await door.call("revoke_all_sessions", token=world.editor.token)

    everything = await log_of(door, world)
    assert [(one["address"], one["device"]) for one in everything] == [("127.0.0.1", AGENT)] * 10
    log = await told(door, world)
    assert log[:3] == [
        ("sign_in_failed", editor, "anonymous", {"email": world.editor.email}),
        ("sign_in_failed", None, "anonymous", {"email": "nobody@example.com"}),
        # People type their password into the wrong field.
        ("sign_in_failed", None, "anonymous", {}),
    ]
    assert log[3:7] == [("signed_in", editor, editor, {"session_id": id_}) for id_ in ids]
    assert log[7:9] == [
        ("signed_out", editor, editor, {"session_id": ids[0]}),
        ("session_revoked", editor, editor, {"session_id": ids[1]}),
    ]
    assert log[9][:3] == ("session_revoked", editor, editor)
    assert set(log[9][3]["session_ids"]) == {ids[2], ids[3]}


async def test_changes_of_accounts_are_told_with_who_made_them(door: Door, world: World) -> None:
    editor, root = str(world.editor.id), str(world.administrator.id)
    password = {"password": "New horse 1", "password_confirm": "New horse 1"}
    await door.call("update_me", token=world.editor.token, data={**password, "current_password": PASSWORD})
    address = {"email": "new@example.com", "current_password": "New horse 1"}
    await door.call("update_me", token=world.editor.token, data=address)
    for data in (
        {"role": "admin"},
        {"disabled": True},
        {"disabled": True, "name": "Same"},
        {"disabled": False},
        {"role": "admin"},
        password,
    ):
        await door.call("update_user", token=world.administrator.token, id=editor, data=data)
    await door.call("delete_user", token=world.administrator.token, id=str(world.stranger.id))
    assert await told(door, world) == [
        ("password_changed", editor, editor, {}),
        ("email_changed", editor, editor, {"before": "editor@example.com", "after": "new@example.com"}),
        ("role_changed", editor, root, {"before": "member", "after": "admin"}),
        ("account_disabled", editor, root, {}),
        ("account_enabled", editor, root, {}),
        ("password_changed", editor, root, {}),
        ("account_deleted", str(world.stranger.id), root, {}),
    ]


async def test_a_wrong_current_password_is_told_and_changes_nothing_else(door: Door, world: World) -> None:
    editor = str(world.editor.id)
    door.client.headers["User-Agent"] = AGENT
    password = {"password": "New horse 1", "password_confirm": "New horse 1", "current_password": "Wrong horse 1"}
    email = {"email": "new@example.com", "current_password": "Wrong horse 1"}
    for operation, data in (("update_me", password), ("update_me", email), ("change_email", email)):
        for key in (None, f"{operation} {len(data)}"):
            async with refused(door, "VALIDATION_ERROR", logged="wrong_password") as refusal:
                await door.call(operation, token=world.editor.token, data=data, key=key)
            assert refusal.paths == {"current_password"}
    assert await told(door, world) == [("wrong_password", editor, editor, {})] * 6
    assert {(one["address"], one["device"]) for one in await log_of(door, world)} == {("127.0.0.1", AGENT)}
    # One that is missing was not guessed.
    del password["current_password"]
    async with refused(door, "VALIDATION_ERROR"):
        await door.call("update_me", token=world.editor.token, data=password)


async def test_whatever_else_is_refused_is_not_told(door: Door, world: World) -> None:
    async with refused(door, "CONFLICT"):
        data = {"email": world.viewer.email, "role": "admin"}
        await door.call("update_user", token=world.administrator.token, id=str(world.editor.id), data=data)
    async with refused(door, "CONFLICT"):
        root = str(world.administrator.id)
        await door.call("update_user", token=world.administrator.token, id=root, data={"disabled": True})


async def test_the_log_is_filtered_by_account_and_kind_and_read_page_by_page(door: Door, world: World) -> None:
    for person in (world.editor, world.viewer, world.editor):
        await door.call("login", data={"email": person.email, "password": PASSWORD})
        with pytest.raises(DoorError):
            await door.call("login", data={"email": person.email, "password": "Wrong horse 1"})
    editor = str(world.editor.id)
    assert len(await log_of(door, world)) == 6
    assert [one["kind"] for one in await log_of(door, world, user_id=editor)] == ["signed_in", "sign_in_failed"] * 2
    assert [one["kind"] for one in await log_of(door, world, kind="sign_in_failed")] == ["sign_in_failed"] * 3
    assert len(await log_of(door, world, kind="signed_in", user_id=editor)) == 2
    assert await log_of(door, world, kind="signed_out") == []

    token, walked, cursor = world.administrator.token, [], None
    while True:
        page = await door.call("list_security_events", token=token, limit=2, cursor=cursor, include_total=True)
        walked += page["data"]
        assert page["total"] == 6
        if (cursor := page["next_cursor"]) is None:
            break
    assert walked[::-1] == await log_of(door, world)


async def test_nobody_but_administrators_reads_the_log(door: Door, world: World) -> None:
    for person in (world.admin, world.editor):
        async with refused(door, "FORBIDDEN") as refusal:
            await door.call("list_security_events", token=person.token, user_id=str(person.id))
        assert refusal.message == "Only administrators may do this."
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("list_security_events")
    for wrong in ({"user_id": "me"}, {"kind": "lost"}):
        async with refused(door, "VALIDATION_ERROR"):
            await door.call("list_security_events", token=world.administrator.token, **wrong)
