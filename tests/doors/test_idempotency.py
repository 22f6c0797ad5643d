"""A request that is sent again under its key is done once, whichever door it comes to."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from api.core.actor import SYSTEM
from api.core.mail_tokens import digest_of
from api.core.passwords import Passwords
from api.services.idempotency import KEPT_FOR, forget_old_requests
from db.clock import utc_now
from db.models import Invitation, MailPurpose, MailToken, User
from tests.doors.authenticator import RECOVERY_CODE, write_second_step
from tests.doors.door import Door, DoorError, GraphQLDoor, RestDoor
from tests.doors.people import PASSWORD, Person, World
from tests.doors.rows import JOBS, all_rows
from tests.doors.targets import make_webhook
from tests.doors.things import last_seq, make_item, make_message, read_log, refused
from tests.doors.uploading import add_file

KEY = "0198c0de-0000-7000-8000-000000000000"


@pytest.fixture
def other(door: Door) -> Door:
    """Return the other door."""
    kind = GraphQLDoor if door.name == "rest" else RestDoor
    return kind(door.app, door.client)


async def _call_of(  # noqa: PLR0911 - one return per way to make what is called
    operation: str, door: Door, world: World
) -> dict[str, Any]:
    """Return what to call an operation with, so that doing it twice would show."""
    item = (await make_item(door, world))["id"]
    admin, editor, administrator = world.admin.token, world.editor.token, world.administrator.token
    stranger_token = world.stranger.token
    workspace, stranger, viewer = str(world.workspace), str(world.stranger.id), str(world.viewer.id)
    fresh = {"name": "Grace", "email": "grace@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    calls: Mapping[str, dict[str, Any]] = {
        "create_user": {"data": fresh},
        "update_me": {"token": editor, "data": {"name": "Eddy"}},
        "update_user": {"token": administrator, "id": stranger, "data": {"name": "Sam"}},
        "delete_user": {"token": administrator, "id": stranger},
        "create_workspace": {"token": editor, "data": {"name": "New"}},
        "update_workspace": {"token": admin, "id": workspace, "data": {"name": "Other"}, "expected_version": 1},
        "delete_workspace": {"token": admin, "id": workspace},
        "add_member": {"token": admin, "id": workspace, "data": {"user_id": stranger}},
        "update_member": {"token": admin, "id": workspace, "user_id": viewer, "data": {"role": "editor"}},
        "remove_member": {"token": admin, "id": workspace, "user_id": viewer},
        "invite_member": {"token": admin, "id": workspace, "data": {"email": "grace@example.com"}},
        "accept_invitation": {"token": stranger_token, "data": {"token": "sent"}},
        "decline_invitation": {"data": {"token": "sent"}},
        "create_item": {"token": editor, "data": {"workspace_id": workspace, "title": "Once"}},
        "update_item": {"token": editor, "id": item, "data": {"title": "Changed"}, "expected_version": 1},
        "delete_item": {"token": admin, "id": item, "permanent": True},
        "restore_item": {"token": editor, "id": item},
        "create_message": {"token": editor, "data": {"workspace_id": workspace, "body": "Once"}},
        "request_email_verification": {"token": editor},
        "request_password_reset": {"data": {"email": world.editor.email}},
        "change_email": {"token": editor, "data": {"email": "new@example.com", "current_password": PASSWORD}},
        "disable_two_step": {"token": editor, "data": {"current_password": PASSWORD, "code": RECOVERY_CODE}},
        "reset_two_step": {"token": administrator, "id": str(world.editor.id)},
        "verify_email": {"data": {"token": "sent"}},
        "reset_password": {
            "data": {"token": "sent", "password": "Another horse 1", "password_confirm": "Another horse 1"}
        },
    }
    if operation in ("verify_email", "reset_password"):
        await _send_token(door.app, world.editor, operation)
    if operation in ("accept_invitation", "decline_invitation", "revoke_invitation"):
        invited = await _invite(door, world)
        if operation == "revoke_invitation":
            return {"token": admin, "id": invited}
    if operation in ("disable_two_step", "reset_two_step"):
        await write_second_step(door.app, world.editor.id)
    if operation in calls:
        return calls[operation]
    if operation in ("revoke_api_key", "delete_upload"):
        making = ("create_upload", {"size": 3}) if operation == "delete_upload" else ("create_api_key", {})
        made = await door.call(making[0], token=editor, data={"name": "Import", **making[1]})
        return {"token": editor, "id": made["id"]}
    if operation in ("update_webhook", "delete_webhook", "redeliver"):
        async with door.app.state.database.write() as uow:
            webhook, delivery = await make_webhook(uow, world.workspace)
        more_of_it = (
            {"data": {"description": "Changed"}, "expected_version": 1} if operation == "update_webhook" else {}
        )
        return {"token": admin, "id": str(delivery.id if operation == "redeliver" else webhook.id), **more_of_it}
    if operation.startswith("revoke_"):
        await door.call("login", data={"email": world.editor.email, "password": PASSWORD})
        newest, *_ = (await door.call("list_sessions", token=editor))["data"]
        return {"token": editor, **({"id": newest["id"]} if operation == "revoke_session" else {})}
    more: Mapping[str, dict[str, Any]] = {
        "update_message": {"data": {"body": "Changed"}, "expected_version": 1},
        "delete_message": {},
        "update_file": {"data": {"name": "b"}, "expected_version": 1},
        "delete_file": {"permanent": True},
        "restore_file": {},
    }
    if operation.endswith("_file"):
        file = await add_file(door.app, world.editor, workspace_id=world.workspace)
        return {"token": admin, "id": str(file.id), **more[operation]}
    return {"token": editor, "id": (await make_message(door, world))["id"], **more[operation]}


async def _send_token(app: FastAPI, whose: Person, operation: str) -> None:
    """Note that a token was sent."""
    purpose = MailPurpose.VERIFICATION if operation == "verify_email" else MailPurpose.PASSWORD_RESET
    async with app.state.database.write() as uow:
        user = await uow.session.one(select(User).where(User.id == whose.id))
        token = MailToken(
            id=uuid4(),
            digest=digest_of("sent"),
            purpose=purpose,
            user_id=user.id,
            email=user.email,
            password_digest=digest_of(user.password_hash),
            expires_at=utc_now() + timedelta(hours=1),
        )
        await uow.session.insert(token)


async def _invite(door: Door, world: World) -> str:
    """Invite the stranger, note that the letter was sent, and return the invitation's id."""
    into = {"id": str(world.workspace), "data": {"email": world.stranger.email}}
    invitation = await door.call("invite_member", token=world.admin.token, **into)
    async with door.app.state.database.write() as uow:
        await uow.session.execute(update(Invitation).values(digest=digest_of("sent")))
    return str(invitation["id"])


async def _jobs(door: Door, world: World) -> set[str]:
    listed = await door.call("list_jobs", token=world.administrator.token)
    return {job["id"] for job in listed["data"]}


def _creation(world: World, title: str, person: Person | None = None) -> dict[str, Any]:
    """Return what to call `create_item` with; the editor's, if nobody else's."""
    token = (person or world.editor).token
    return {"token": token, "data": {"workspace_id": str(world.workspace), "title": title}}


IDEMPOTENT = (
    "create_user",
    "update_me",
    "update_user",
    "delete_user",
    "create_workspace",
    "update_workspace",
    "delete_workspace",
    "add_member",
    "update_member",
    "remove_member",
    "invite_member",
    "accept_invitation",
    "decline_invitation",
    "revoke_invitation",
    "create_item",
    "update_item",
    "delete_item",
    "restore_item",
    "create_message",
    "update_message",
    "delete_message",
    "upload_files",
    "update_file",
    "delete_file",
    "restore_file",
    "delete_upload",
    "revoke_session",
    "revoke_all_sessions",
    "revoke_api_key",
    "request_email_verification",
    "verify_email",
    "request_password_reset",
    "reset_password",
    "change_email",
    "disable_two_step",
    "reset_two_step",
    "update_webhook",
    "delete_webhook",
    "redeliver",
)
WITHOUT = (
    "login",
    "complete_login",
    "begin_oidc_sign_in",
    "complete_oidc_sign_in",
    "refresh_session",
    "logout",
    "create_stream_ticket",
    "create_download_link",
    "create_upload",
    "begin_tus_upload",
    "complete_upload",
    "put_upload",
    "append_to_upload",
    "create_api_key",
    "create_webhook",
    "begin_two_step",
    "enable_two_step",
    "renew_recovery_codes",
    "retry_job",
    "cancel_job",
)
"""Operations that answer a secret, which is kept nowhere; the one after which nobody is there to ask again; what brings
bytes to an upload, which knows what it has; and what the engine of the jobs does in transactions of its own, twice to
the same end."""


def test_every_operation_that_changes_something_takes_a_key(app: FastAPI) -> None:
    writing = {
        operation["operationId"]: operation
        for methods in app.openapi()["paths"].values()
        for method, operation in methods.items()
        if method != "get"
    }
    assert set(writing) == {*IDEMPOTENT, *WITHOUT}
    for name in IDEMPOTENT:
        [parameter] = [one for one in writing[name]["parameters"] if one["name"] == "idempotency-key"]
        assert parameter["in"] == "header"


@pytest.mark.parametrize("operation", [name for name in IDEMPOTENT if name != "upload_files"])
async def test_what_is_sent_again_is_answered_as_it_was(door: Door, other: Door, world: World, operation: str) -> None:
    call = await _call_of(operation, door, world)
    first = await door.call(operation, key=KEY, **call)
    seq = None if operation == "delete_workspace" else await last_seq(door, world)
    jobs = await _jobs(door, world)

    assert await door.call(operation, key=KEY, **call) == first
    assert await other.call(operation, key=KEY, **call) == first
    assert seq is None or await last_seq(door, world) == seq
    assert await _jobs(door, world) == jobs


async def test_the_answer_is_that_of_then(door: Door, world: World) -> None:
    call: dict[str, Any] = {
        "token": world.editor.token,
        "data": {"workspace_id": str(world.workspace), "title": "Once"},
    }
    first = await door.call("create_item", key=KEY, **call)
    await door.call("update_item", token=world.editor.token, id=first["id"], data={"title": "Later"})

    assert await door.call("create_item", key=KEY, **call) == first


async def test_without_a_key_or_under_another_it_is_done_again(door: Door, world: World) -> None:
    call: dict[str, Any] = {
        "token": world.editor.token,
        "data": {"workspace_id": str(world.workspace), "title": "Thrice"},
    }
    made = [await door.call("create_item", key=key, **call) for key in (KEY, None, None, str(uuid4()))]

    assert len({item["id"] for item in made}) == 4


async def test_a_key_is_its_senders_own(door: Door, world: World) -> None:
    data = {"workspace_id": str(world.workspace), "title": "Twice"}
    made = [
        await door.call("create_item", key=KEY, token=person.token, data=data) for person in (world.editor, world.admin)
    ]

    assert [item["owner_id"] for item in made] == [str(world.editor.id), str(world.admin.id)]


@pytest.mark.parametrize("difference", ["data", "operation", "argument"])
async def test_a_key_that_was_used_for_another_request_is_refused(door: Door, world: World, difference: str) -> None:
    one, two = [await make_item(door, world) for _ in range(2)]
    token, first, second = world.editor.token, one["id"], two["id"]
    await door.call("update_item", token=token, id=first, data={"title": "Changed"}, key=KEY)
    seq = await last_seq(door, world)

    with refused("VALIDATION_ERROR", "idempotency_key"):
        if difference == "data":
            await door.call("update_item", token=token, id=first, data={"title": "Otherwise"}, key=KEY)
        elif difference == "operation":
            await door.call("delete_item", token=token, id=first, key=KEY)
        else:
            await door.call("update_item", token=token, id=second, data={"title": "Changed"}, key=KEY)
    assert await last_seq(door, world) == seq


async def test_what_failed_may_be_tried_again(door: Door, world: World) -> None:
    call: dict[str, Any] = {
        "token": world.stranger.token,
        "data": {"workspace_id": str(world.workspace), "title": "Soon"},
    }
    with refused("NOT_FOUND"):
        await door.call("create_item", key=KEY, **call)
    data: Any = {"user_id": str(world.stranger.id), "role": "editor"}
    await door.call("add_member", token=world.admin.token, id=str(world.workspace), data=data)

    assert (await door.call("create_item", key=KEY, **call))["title"] == "Soon"


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\x7f"])
async def test_a_key_is_short_and_printable(door: Door, world: World, key: str) -> None:
    seq = await last_seq(door, world)
    data = {"workspace_id": str(world.workspace), "title": "Never"}
    with pytest.raises(DoorError) as refusal:
        await door.call("create_item", token=world.editor.token, data=data, key=key)
    assert refusal.value.code == "VALIDATION_ERROR"
    assert await last_seq(door, world) == seq


async def test_a_hundred_at_once_through_both_doors_are_one(
    app: FastAPI, door: Door, other: Door, world: World
) -> None:
    before = await last_seq(door, world)
    told: list[int] = []
    app.state.database.on_commit(lambda uow: told.extend(uow.last_seqs.values()))
    call: dict[str, Any] = {
        "token": world.editor.token,
        "data": {"workspace_id": str(world.workspace), "title": "Once"},
    }

    answers = await _a_hundred_at_once(door, other, "create_item", **call)

    assert all(answer == answers[0] for answer in answers)
    [entry] = (await read_log(door, world, after=before))["data"]
    assert entry["entity_id"] == answers[0]["id"]
    # What was undone is not told to those who wait for changes.
    assert told == [before + 1]


async def _a_hundred_at_once(door: Door, other: Door, operation: str, **call: Any) -> list[Any]:
    """Send a request a hundred times; half of the answers are lost, and so it is sent again through the other door."""
    doors = (door, other)

    async def send(number: int) -> Any:
        answer = await doors[number % 2].call(operation, key=KEY, **call)
        return answer if number % 4 in (0, 1) else await doors[(number + 1) % 2].call(operation, key=KEY, **call)

    return await asyncio.gather(*map(send, range(100)))


async def test_a_hundred_at_once_are_one_mail(app: FastAPI, rest: Door, graphql: Door, world: World) -> None:
    before = await all_rows(app)
    into = {"id": str(world.workspace), "data": {"email": "grace@example.com", "role": "viewer"}}

    answers = await _a_hundred_at_once(rest, graphql, "invite_member", token=world.admin.token, **into)

    assert all(answer == answers[0] for answer in answers)
    after = await all_rows(app)
    grown = {name: len(rows) - len(before[name]) for name, rows in after.items() if rows != before[name]}
    assert grown == {"invitations": 1, "done_requests": 1, JOBS: 1}


async def test_sign_ups_at_once_are_one_account(door: Door, other: Door, world: World) -> None:
    data = {"name": "Grace", "email": "grace@example.com", "password": PASSWORD, "password_confirm": PASSWORD}

    answers = await asyncio.gather(
        *((door, other)[number % 2].call("create_user", key=KEY, data=data) for number in range(6))
    )

    assert all(answer == answers[0] for answer in answers)


async def test_a_password_that_is_wrong_because_the_same_request_changed_it_was_not_guessed(
    app: FastAPI, door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = {"password": "New horse 1", "password_confirm": "New horse 1", "current_password": PASSWORD}
    call: dict[str, Any] = {"token": world.editor.token, "data": change, "key": KEY}
    passwords: Passwords = app.state.identity.passwords
    verify, first = passwords.verify, True

    async def another_one_is_faster(password: str, password_hash: str | None, **more: Any) -> bool:
        nonlocal first
        if first:
            first = False
            await door.call("update_me", **call)
            return False
        return await verify(password, password_hash, **more)

    monkeypatch.setattr(passwords, "verify", another_one_is_faster)
    assert (await door.call("update_me", **call))["id"] == str(world.editor.id)
    events = await door.call("list_security_events", token=world.administrator.token)
    assert [one["kind"] for one in events["data"]] == ["password_changed"]


async def test_each_change_of_a_mutation_has_its_own_key(client: httpx.AsyncClient, world: World) -> None:
    mutation = """mutation($w: ID!) {
        one: createItem(input: {workspaceId: $w, title: "1"}) { id title }
        two: createItem(input: {workspaceId: $w, title: "2"}) { id title }
    }"""
    body = {"query": mutation, "variables": {"w": str(world.workspace)}, "extensions": {"idempotencyKey": KEY}}
    headers = {"Authorization": f"Bearer {world.editor.token}"}
    first, again = [(await client.post("/graphql", json=body, headers=headers)).json() for _ in range(2)]

    assert first == again
    assert [first["data"][name]["title"] for name in ("one", "two")] == ["1", "2"]


async def test_a_key_is_forgotten_after_a_day(
    app: FastAPI, door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call: dict[str, Any] = {
        "token": world.editor.token,
        "data": {"workspace_id": str(world.workspace), "title": "Daily"},
    }
    first = await door.call("create_item", key=KEY, **call)
    async with app.state.database.write() as uow:
        await forget_old_requests(uow, SYSTEM)
    assert await door.call("create_item", key=KEY, **call) == first

    tomorrow = utc_now() + KEPT_FOR + timedelta(seconds=1)
    monkeypatch.setattr("api.services.idempotency.utc_now", lambda: tomorrow)
    async with app.state.database.write() as uow:
        await forget_old_requests(uow, SYSTEM)
    assert (await door.call("create_item", key=KEY, **call))["id"] != first["id"]
