"""Invitations at both doors: who invites, who sees them, and who gets in."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from db.engine import Database
from tests.conftest import AppFactory, client_of
from tests.doors.accounts import sign_up
from tests.doors.door import Door, GraphQLDoor, RestDoor
from tests.doors.history import changes_after, kinds, told_of
from tests.doors.inviting import (
    NEW,
    TOKEN,
    accept,
    confirm,
    decline,
    invite,
    listed,
    roles,
    send,
    seq_of,
)
from tests.doors.people import PASSWORD, World, make_world
from tests.doors.refusals import refused

BAD_TOKEN = "It is not valid, was used already, or has expired"


async def test_an_admin_invites_an_address_and_everybody_concerned_sees_it(
    door: Door, world: World, app: FastAPI
) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, "STRANGER@example.com", role="viewer")
    created, expires = (datetime.fromisoformat(invitation[name]) for name in ("created_at", "expires_at"))

    assert {key: value for key, value in invitation.items() if key not in ("id", "created_at", "expires_at")} == {
        "workspace_id": str(world.workspace),
        "workspace_name": "Garden",
        "email": "stranger@example.com",
        "role": "viewer",
        "inviter_id": str(world.admin.id),
        "inviter_name": "Admin",
    }
    assert abs(expires - created - timedelta(days=7)) < timedelta(minutes=1)
    second = await invite(door, world, NEW)
    assert second["role"] == "editor"
    assert await listed(door, world.admin.token, world.workspace) == [second, invitation]
    assert await listed(door, world.stranger.token) == [invitation]
    assert await listed(door, world.admin.token) == await listed(door, world.editor.token) == []
    first = await door.call(
        "list_invitations",
        token=world.admin.token,
        workspace_id=str(world.workspace),
        limit=1,
        include_total=True,
    )
    assert (first["data"], first["total"]) == ([second], 2)
    rest = await listed(door, world.admin.token, world.workspace, cursor=first["next_cursor"])
    assert rest == [invitation]


async def test_who_accepts_by_id_becomes_a_member_with_the_role(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, world.stranger.email, role="admin")
    seq = await seq_of(door, world)

    member = await accept(door, world.stranger.token, invitation_id=invitation["id"])

    assert {key: value for key, value in member.items() if key not in ("created_at", "updated_at")} == {
        "workspace_id": str(world.workspace),
        "user_id": str(world.stranger.id),
        "role": "admin",
        "version": 1,
        "user": {"id": str(world.stranger.id), "name": "Stranger", "email": "stranger@example.com"},
    }
    [entry] = await changes_after(door, world.stranger.token, world.workspace, seq)
    assert kinds([entry]) == [("created", "member", str(world.stranger.id), 1)]
    assert entry["state"] == told_of(member)
    assert (entry["changed"], entry["actor_id"]) == ({}, str(world.stranger.id))
    # It counts once.
    assert await listed(door, world.admin.token, world.workspace) == await listed(door, world.stranger.token) == []
    async with refused(door, "NOT_FOUND") as refusal:
        await accept(door, world.stranger.token, invitation_id=invitation["id"])
    assert refusal.message == "There is no such invitation."
    await door.call(
        "remove_member", token=world.stranger.token, id=str(world.workspace), user_id=str(world.stranger.id)
    )
    async with refused(door, "NOT_FOUND"):
        await accept(door, world.stranger.token, invitation_id=invitation["id"])


async def test_who_comes_back_by_an_invitation_has_the_version_that_follows(
    door: Door, world: World, app: FastAPI
) -> None:
    await confirm(app, world.viewer)
    await door.call("remove_member", token=world.admin.token, id=str(world.workspace), user_id=str(world.viewer.id))
    invitation = await invite(door, world, world.viewer.email)
    assert (await accept(door, world.viewer.token, invitation_id=invitation["id"]))["version"] == 3


async def test_by_id_counts_only_an_address_that_was_confirmed(door: Door, world: World, app: FastAPI) -> None:
    invitation = await invite(door, world, world.stranger.email)
    assert await listed(door, world.stranger.token) == []
    for answer in (accept, decline):
        async with refused(door, "NOT_FOUND"):
            await answer(door, world.stranger.token, invitation_id=invitation["id"])
    await confirm(app, world.stranger, world.administrator, world.editor)
    # Nobody else's, whoever it is.
    for person in (world.administrator, world.editor, world.admin):
        for answer in (accept, decline):
            async with refused(door, "NOT_FOUND"):
                await answer(door, person.token, invitation_id=invitation["id"])
    assert await listed(door, world.stranger.token) == [invitation]
    assert await accept(door, world.stranger.token, invitation_id=invitation["id"])


async def test_the_token_of_the_letter_lets_in_and_confirms_the_address(door: Door, world: World, app: FastAPI) -> None:
    invitation = await invite(door, world, NEW)
    await send(app, invitation["id"])
    async with refused(door, "UNAUTHENTICATED"):
        await accept(door, None, token=TOKEN)
    account = await sign_up(door, name="Grace", email="Grace@Example.com")
    token = (await door.call("login", data={"email": NEW, "password": PASSWORD}))["access_token"]
    assert account["email_verified_at"] is None

    member = await accept(door, token, token=TOKEN)

    assert (member["user_id"], member["role"]) == (account["id"], "editor")
    assert (await door.call("get_me", token=token))["email_verified_at"] is not None
    assert await roles(door, world) == {"Admin": "admin", "Editor": "editor", "Viewer": "viewer", "Grace": "editor"}
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await accept(door, token, token=TOKEN)
    assert refusal.details["fields"] == [{"path": "token", "message": BAD_TOKEN}]


async def test_the_token_lets_nobody_in_whose_address_is_another_one(door: Door, world: World, app: FastAPI) -> None:
    await send(app, (await invite(door, world, NEW))["id"])
    async with refused(door, "FORBIDDEN") as refusal:
        await accept(door, world.stranger.token, token=TOKEN)
    assert refusal.message == "This invitation is for another address. Sign in with the account that has it."


async def test_only_admins_invite_and_see_who_is_invited(door: Door, world: World) -> None:
    for person, code in (
        (world.viewer, "FORBIDDEN"),
        (world.editor, "FORBIDDEN"),
        (world.stranger, "NOT_FOUND"),
        (world.administrator, "NOT_FOUND"),
    ):
        async with refused(door, code) as refusal:
            await invite(door, world, NEW, by=person)
        if code == "NOT_FOUND":
            assert refusal.message == "There is no such workspace."
        async with refused(door, code):
            await listed(door, person.token, world.workspace)
    data = {"email": NEW}
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("invite_member", id=str(world.workspace), data=data)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("list_invitations")
    async with refused(door, "UNAUTHENTICATED"):
        await decline(door, invitation_id=str(uuid4()))


async def test_what_is_sent_is_judged(door: Door, world: World) -> None:
    invitations: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"email"}),
        ({"email": "nobody"}, {"email"}),
        ({"email": NEW, "role": "owner"}, {"role"}),
        ({"email": NEW, "inviter_id": str(world.viewer.id)}, {"inviter_id"}),
        ({"email": NEW, "expires_at": "2099-01-01T00:00:00Z"}, {"expires_at"}),
    ]
    for data, paths in invitations:
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call("invite_member", token=world.admin.token, id=str(world.workspace), data=data)
        assert refusal.paths == paths, data
    answers: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"token"}),
        ({"invitation_id": None, "token": None}, {"token"}),
        ({"invitation_id": str(uuid4()), "token": "x"}, {"token"}),
        ({"invitation_id": "17"}, {"invitation_id"}),
        ({"token": "x" * 201}, {"token"}),
        ({"token": "made up"}, {"token"}),
        ({"token": "made up \x00"}, {"token"}),
        ({"token": TOKEN, "role": "admin"}, {"role"}),
    ]
    for data, paths in answers:
        for answer in (accept, decline):
            async with refused(door, "VALIDATION_ERROR") as refusal:
                await answer(door, world.stranger.token, **data)
            assert refusal.paths == paths, data


async def test_an_address_with_an_account_is_invited_with_the_same_work_and_answer(
    door: Door, world: World, app: FastAPI
) -> None:
    said: list[str] = []
    database: Database = app.state.database

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    await door.call("update_user", token=world.administrator.token, id=str(world.stranger.id), data={"disabled": True})
    # Whose address is confirmed is told in the log of the account.
    await confirm(app, world.administrator)
    event.listen(database.engines[0].sync_engine, "before_cursor_execute", note)
    answers, statements = [], []
    for address in (world.administrator.email, "nobody@example.com", world.stranger.email):
        said.clear()
        answers.append(await invite(door, world, address))
        statements.append(list(said))
    event.remove(database.engines[0].sync_engine, "before_cursor_execute", note)
    own = ("id", "email", "created_at", "expires_at")
    assert len({repr({key: value for key, value in one.items() if key not in own}) for one in answers}) == 1
    assert statements[1:] == [statements[0]] * 2


@pytest.mark.parametrize("name", ["rest", "graphql"])
async def test_invitations_are_limited_by_who_invites_and_by_mailbox(make_app: AppFactory, name: str) -> None:
    app = await make_app(rate_limits=True, mails_per_mailbox="2/hour", invitations_per_user="3/hour")
    world = await make_world(app)
    async with client_of(app) as client:
        door: Door = RestDoor(app, client) if name == "rest" else GraphQLDoor(app, client)
        for _ in range(2):
            await invite(door, world, NEW)
        # Who may not invite spends nothing.
        for person, code in ((world.viewer, "FORBIDDEN"), (world.stranger, "NOT_FOUND")):
            async with refused(door, code):
                await invite(door, world, "other@example.com", by=person)
        # The first is one too many for this mailbox, in whatever letters; other mails to it count as well.
        async with refused(door, "RATE_LIMITED"):
            await invite(door, world, "Grace@Example.com")
        async with refused(door, "RATE_LIMITED"):
            await door.call("request_password_reset", data={"email": NEW})
        async with refused(door, "RATE_LIMITED"):
            await invite(door, world, "other@example.com")
        home = {"id": str(world.editor.home), "data": {"email": "other@example.com"}}
        assert await door.call("invite_member", token=world.editor.token, **home)


async def test_each_alias_of_a_mutation_is_an_invitation(make_app: AppFactory) -> None:
    app = await make_app(rate_limits=True, invitations_per_user="3/hour")
    world = await make_world(app)
    fields = " ".join(
        f'i{number}: inviteMember(workspaceId: "{world.workspace}", input: {{email: "i{number}@example.com"}}) {{ id }}'
        for number in range(5)
    )
    async with client_of(app) as client:
        headers = {"Authorization": f"Bearer {world.admin.token}"}
        answer = (await client.post("/graphql", json={"query": f"mutation {{ {fields} }}"}, headers=headers)).json()
    assert [name for name, made in answer["data"].items() if made] == ["i0", "i1", "i2"]
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["RATE_LIMITED"] * 2
