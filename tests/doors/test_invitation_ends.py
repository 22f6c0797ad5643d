"""What ends an invitation: the answer, the time, its admins, and who is faster."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.services.invitations import revoke_invitation
from db.clock import utc_now
from db.engine import Database
from db.models import User
from tests.chaos.waiting import LIMIT_SECONDS, someone_waits, until
from tests.doors.accounts import racing
from tests.doors.door import Door
from tests.doors.history import changes_after
from tests.doors.inviting import (
    NEW,
    TOKEN,
    accept,
    change,
    confirm,
    decline,
    invite,
    listed,
    revoke,
    roles,
    send,
    seq_of,
)
from tests.doors.people import World
from tests.doors.refusals import refused
from tests.doors.rows import all_rows, take_rows


async def expect_gone(door: Door, world: World, invitation_id: str) -> None:
    """Expect that an invitation for the stranger counts no more, whichever way."""
    for answer in (accept, decline):
        async with refused(door, "NOT_FOUND"):
            await answer(door, world.stranger.token, invitation_id=invitation_id)
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await answer(door, world.stranger.token, token=TOKEN)
        assert refusal.paths == {"token"}
    assert await listed(door, world.stranger.token) == []


@pytest.mark.parametrize("way", ["id", "token", "token, signed in as somebody"])
async def test_what_was_declined_is_gone(door: Door, world: World, app: FastAPI, way: str) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, world.stranger.email)
    await send(app, invitation["id"])
    seq = await seq_of(door, world)

    if way == "id":
        told = await decline(door, world.stranger.token, invitation_id=invitation["id"])
    else:
        told = await decline(door, None if way == "token" else world.editor.token, token=TOKEN)

    assert told == {"message": "The invitation is declined."}
    assert await listed(door, world.admin.token, world.workspace) == await listed(door, world.stranger.token) == []
    assert await seq_of(door, world) == seq
    await expect_gone(door, world, invitation["id"])


async def test_what_was_revoked_is_gone(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, world.stranger.email)
    await send(app, invitation["id"])
    for person, code in (
        (world.viewer, "FORBIDDEN"),
        (world.editor, "FORBIDDEN"),
        (world.stranger, "NOT_FOUND"),
        (world.administrator, "NOT_FOUND"),
    ):
        async with refused(door, code):
            await revoke(door, person.token, invitation["id"])
    async with refused(door, "UNAUTHENTICATED"):
        await revoke(door, None, invitation["id"])
    async with refused(door, "NOT_FOUND") as refusal:
        await revoke(door, world.admin.token, str(uuid4()))
    assert refusal.message == "There is no such invitation."

    await revoke(door, world.admin.token, invitation["id"])

    assert await listed(door, world.admin.token, world.workspace) == []
    await expect_gone(door, world, invitation["id"])
    async with refused(door, "NOT_FOUND"):
        await revoke(door, world.admin.token, invitation["id"])


async def test_what_has_expired_counts_no_more_until_it_is_renewed(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, world.stranger.email)
    await send(app, invitation["id"])
    await change(app, invitation["id"], expires_at=utc_now() - timedelta(seconds=1))
    assert await listed(door, world.admin.token, world.workspace) == []
    await expect_gone(door, world, invitation["id"])

    renewed = await invite(door, world, world.stranger.email)

    assert renewed["id"] == invitation["id"]
    assert await accept(door, world.stranger.token, invitation_id=renewed["id"])


@pytest.mark.parametrize("end", ["demoted", "removed", "left and deleted", "disabled"])
async def test_an_invitation_counts_no_longer_than_its_inviter_may_invite(
    door: Door, world: World, app: FastAPI, end: str
) -> None:
    await confirm(app, world.stranger)
    garden, editor = str(world.workspace), str(world.editor.id)
    await door.call("update_member", token=world.admin.token, id=garden, user_id=editor, data={"role": "admin"})
    invitation = await invite(door, world, world.stranger.email, by=world.editor)
    await send(app, invitation["id"])
    assert await listed(door, world.stranger.token) == [invitation]
    root = world.administrator.token

    if end == "demoted":
        await door.call("update_member", token=world.admin.token, id=garden, user_id=editor, data={"role": "editor"})
    elif end == "removed":
        await door.call("remove_member", token=world.admin.token, id=garden, user_id=editor)
    elif end == "disabled":
        await door.call("update_user", token=root, id=editor, data={"disabled": True})
    else:
        await door.call("delete_user", token=root, id=editor)

    assert await listed(door, world.admin.token, world.workspace) == []
    await expect_gone(door, world, invitation["id"])
    # Somebody else who may invite makes it an own one.
    again = await invite(door, world, world.stranger.email)
    assert (again["id"], again["inviter_id"]) == (invitation["id"], str(world.admin.id))
    assert await accept(door, world.stranger.token, invitation_id=again["id"])


async def test_inviting_again_renews_the_role_the_time_and_the_letter(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app, world.stranger)
    first = await invite(door, world, world.stranger.email, role="viewer")
    await send(app, first["id"])
    await change(app, first["id"], expires_at=utc_now() + timedelta(hours=1))
    jobs = len((await take_rows(app))["jobs"])

    second = await invite(door, world, world.stranger.email, role="admin")

    assert second == {**first, "role": "admin", "expires_at": second["expires_at"]}
    assert second["expires_at"] > first["expires_at"]
    assert await listed(door, world.admin.token, world.workspace) == [second]
    assert len((await take_rows(app))["jobs"]) == jobs + 1
    async with refused(door, "VALIDATION_ERROR"):
        await accept(door, world.stranger.token, token=TOKEN)
    await send(app, first["id"], "the token of the second letter")
    member = await accept(door, world.stranger.token, token="the token of the second letter")
    assert member["role"] == "admin"


async def test_who_is_a_member_is_not_invited_and_does_not_accept(door: Door, world: World, app: FastAPI) -> None:
    for person in (world.editor, world.admin):
        async with refused(door, "CONFLICT") as refusal:
            await invite(door, world, person.email.upper())
        assert refusal.message == "The user is a member already."
    await confirm(app, world.viewer)
    invitation = await invite(door, world, NEW)
    await send(app, invitation["id"])
    async with app.state.database.write() as uow:
        await uow.session.execute(update(User).where(User.id == world.viewer.id).values(email=NEW))
    for answer in ({"invitation_id": invitation["id"]}, {"token": TOKEN}):
        async with refused(door, "CONFLICT") as refusal:
            await accept(door, world.viewer.token, **answer)
        assert refusal.message == "You are a member already."
    assert await decline(door, world.viewer.token, invitation_id=invitation["id"])


async def test_who_is_let_in_otherwise_is_invited_no_more(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app, world.stranger)
    await invite(door, world, world.stranger.email)
    other = await invite(door, world, NEW)
    data = {"user_id": str(world.stranger.id), "role": "viewer"}
    await door.call("add_member", token=world.admin.token, id=str(world.workspace), data=data)
    assert await listed(door, world.stranger.token) == []
    assert await listed(door, world.admin.token, world.workspace) == [other]


async def test_invitations_go_with_their_workspace(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, world.stranger.email)
    await send(app, invitation["id"])
    await door.call("delete_workspace", token=world.admin.token, id=str(world.workspace))
    assert (await take_rows(app))["invitations"] == []
    await expect_gone(door, world, invitation["id"])


async def test_of_two_answers_at_once_one_counts(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, world.stranger.email)
    seq, token, chosen = await seq_of(door, world), world.stranger.token, {"invitation_id": invitation["id"]}
    outcomes = await racing(
        accept(door, token, **chosen), accept(door, token, **chosen), decline(door, token, **chosen)
    )
    assert sorted(outcomes) == ["NOT_FOUND", "NOT_FOUND", "OK"]
    assert len(await changes_after(door, world.admin.token, world.workspace, seq)) == (outcomes[2] != "OK")
    assert (await take_rows(app))["invitations"] == []


@pytest.mark.parametrize("answer", ["accept_invitation", "decline_invitation"])
@pytest.mark.parametrize("way", ["invitation_id", "token"])
async def test_what_is_revoked_while_an_answer_waits_is_gone(
    door: Door, world: World, app: FastAPI, answer: str, way: str
) -> None:
    await confirm(app, world.stranger)
    invitation = await invite(door, world, world.stranger.email)
    await send(app, invitation["id"])
    data = {way: invitation["id"] if way == "invitation_id" else TOKEN}
    database: Database = app.state.database
    async with asyncio.timeout(LIMIT_SECONDS):
        async with database.write() as uow:
            await revoke_invitation(uow, world.admin.actor, UUID(invitation["id"]))
            waiting = asyncio.create_task(racing(door.call(answer, token=world.stranger.token, data=data)))
            await until(someone_waits(database))
        assert await waiting == ["NOT_FOUND" if way == "invitation_id" else "VALIDATION_ERROR"]
    assert "Stranger" not in await roles(door, world)


async def test_an_address_invited_twice_at_once_has_one_invitation(door: Door, world: World, app: FastAPI) -> None:
    outcomes = await racing(*(invite(door, world, NEW) for _ in range(3)))
    assert outcomes == ["OK"] * 3
    [invitation] = (await take_rows(app))["invitations"]
    assert invitation["email"] == NEW
    before = await all_rows(app)
    assert len(await listed(door, world.admin.token, world.workspace)) == 1
    assert await all_rows(app) == before
