"""Invitations at both doors: who invites, who sees them, who answers, and what ends them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import event, update

from api.core.mail_tokens import digest_of
from db.clock import utc_now
from db.engine import Database
from db.models import Invitation, User
from tests.conftest import AppFactory, client_of
from tests.doors.accounts import racing, sign_up
from tests.doors.door import Door, GraphQLDoor, RestDoor
from tests.doors.history import changes_after, kinds
from tests.doors.people import PASSWORD, Person, World, make_world
from tests.doors.refusals import refused
from tests.doors.rows import all_rows, take_rows

NEW = "grace@example.com"
TOKEN = "the token of a letter"
BAD_TOKEN = "It is not valid, was used already, or has expired"


async def invite(door: Door, world: World, email: str, *, by: Person | None = None, **data: Any) -> dict[str, Any]:
    """Let the admin, or somebody else, invite an address."""
    token, values = (by or world.admin).token, {"email": email, **data}
    invitation: dict[str, Any] = await door.call("invite_member", token=token, id=str(world.workspace), data=values)
    return invitation


async def listed(door: Door, token: str, workspace: UUID | None = None, **page: Any) -> list[dict[str, Any]]:
    """Return the invitations into a workspace, or else those for the caller."""
    into = {} if workspace is None else {"workspace_id": str(workspace)}
    found = await door.call("list_invitations", token=token, **into, **page)
    assert found["next_cursor"] is None or page
    rows: list[dict[str, Any]] = found["data"]
    return rows


async def accept(door: Door, who: str | None, /, **data: Any) -> Any:
    return await door.call("accept_invitation", token=who, data=data)


async def decline(door: Door, who: str | None = None, /, **data: Any) -> Any:
    return await door.call("decline_invitation", token=who, data=data)


async def revoke(door: Door, token: str | None, invitation_id: str) -> None:
    await door.call("revoke_invitation", token=token, id=invitation_id)


async def confirm(app: FastAPI, *people: Person) -> None:
    """Let people have proven to read their addresses."""
    async with app.state.database.write() as uow:
        ids = [person.id for person in people]
        await uow.session.execute(update(User).where(User.id.in_(ids)).values(email_verified_at=utc_now()))


async def send(app: FastAPI, invitation_id: str, token: str = TOKEN) -> None:
    """Note a token as the job does that sends the letter."""
    await change(app, invitation_id, digest=digest_of(token))


async def change(app: FastAPI, invitation_id: str, **values: Any) -> None:
    async with app.state.database.write() as uow:
        await uow.session.execute(update(Invitation).where(Invitation.id == UUID(invitation_id)).values(**values))


async def roles(door: Door, world: World) -> dict[str, str]:
    members = await door.call("list_members", token=world.admin.token, id=str(world.workspace))
    return {member["user"]["name"]: member["role"] for member in members["data"]}


async def seq_of(door: Door, world: World) -> int:
    seq: int = (await door.call("get_workspace", token=world.admin.token, id=str(world.workspace)))["seq"]
    return seq


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
    assert entry["state"] == {key: value for key, value in member.items() if key != "user"}
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


async def expect_gone(door: Door, world: World, invitation_id: str) -> None:
    """Expect that an invitation for the stranger counts no more, whichever way."""
    for answer in (accept, decline):
        async with refused(door, "NOT_FOUND"):
            await answer(door, world.stranger.token, invitation_id=invitation_id)
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await answer(door, world.stranger.token, token=TOKEN)
        assert refusal.paths == {"token"}
    assert await listed(door, world.stranger.token) == []


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


async def test_an_address_invited_twice_at_once_has_one_invitation(door: Door, world: World, app: FastAPI) -> None:
    outcomes = await racing(*(invite(door, world, NEW) for _ in range(3)))
    assert outcomes == ["OK"] * 3
    [invitation] = (await take_rows(app))["invitations"]
    assert invitation["email"] == NEW
    before = await all_rows(app)
    assert len(await listed(door, world.admin.token, world.workspace)) == 1
    assert await all_rows(app) == before
