"""The letters of invitations: what they say, what their tokens are good for, and when none is sent."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, update

from api.config import Settings
from api.core.mail_tokens import digest_of
from api.schemas.jobs import SendInvitation
from api.server.working import tools_of
from api.services.work.inviting import send_invitation
from db.clock import utc_now
from db.engine import Database
from db.models import Invitation, OutboxMail
from tests.doors.accounts import sign_up
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.jobs.mailbox import lasting_rows, mail_to, mails_to, token_in

NEW = "grace@example.com"


async def invite(door: Door, world: World, email: str = NEW, **data: Any) -> dict[str, Any]:
    into = {"id": str(world.workspace), "data": {"email": email, **data}}
    invitation: dict[str, Any] = await door.call("invite_member", token=world.admin.token, **into)
    return invitation


async def refuse_token(door: Door, operation: str, proof: str, *, by: str | None = None, **more: Any) -> None:
    """Expect that a token does not count, and that nothing changes."""
    before = await lasting_rows(door.app)
    with pytest.raises(DoorError) as refusal:
        await door.call(operation, token=by, data={"token": proof, **more})
    assert (refusal.value.code, refusal.value.paths) == ("VALIDATION_ERROR", {"token"})
    assert await lasting_rows(door.app) == before


async def send_again(app: FastAPI, settings: Settings, letter: UUID, invitation_id: str) -> None:
    """Do the job of a letter once more, which the end of a worker may bring about at any time."""
    data = SendInvitation(invitation_id=UUID(invitation_id))
    await send_invitation(tools_of(settings, app.state.database), letter, data)


async def test_the_letter_lets_somebody_in_who_had_no_account(door: Door, world: World, app: FastAPI) -> None:
    # Whoever invites cannot write to anybody.
    named = {"name": "Buy now at evil.example"}
    await door.call("update_workspace", token=world.admin.token, id=str(world.workspace), data=named)
    await door.call("update_me", token=world.admin.token, data=named)
    invitation = await invite(door, world, role="viewer")
    mail = await mail_to(app, NEW)
    assert mail.subject == "An invitation to Twofold"
    assert re.search(r"http://127\.0\.0\.1:8000/invitation#token=[\w-]{43}\n", mail.text)
    assert not re.search("evil|viewer", mail.text + mail.html)
    until = invitation["expires_at"]
    assert re.search(rf"until {int(until[8:10])} [A-Z][a-z]+ {until[:4]}, {until[11:16]} UTC", mail.text)
    proof = token_in(mail)
    database: Database = app.state.database
    async with database.read() as uow:
        (row,) = await uow.session.all(select(Invitation))
    assert (str(row.id), row.letter_id, row.digest) == (invitation["id"], mail.id, digest_of(proof))

    account = await sign_up(door, name="Grace", email=NEW)
    token = (await door.call("login", data={"email": NEW, "password": PASSWORD}))["access_token"]
    welcome = await mail_to(app, NEW, 2)
    # Each token is good for its purpose alone.
    await refuse_token(door, "accept_invitation", token_in(welcome), by=token)
    await refuse_token(door, "decline_invitation", token_in(welcome))
    await refuse_token(door, "verify_email", proof)
    await refuse_token(door, "reset_password", proof, password=PASSWORD, password_confirm=PASSWORD)
    member = await door.call("accept_invitation", token=token, data={"token": proof})
    assert (member["user_id"], member["role"]) == (account["id"], "viewer")
    assert (await door.call("get_me", token=token))["email_verified_at"] is not None
    await refuse_token(door, "accept_invitation", proof, by=token)


async def test_only_the_last_letter_counts_and_a_late_one_is_not_sent(
    door: Door, world: World, app: FastAPI, settings: Settings
) -> None:
    invitation = await invite(door, world)
    first = await mail_to(app, NEW)
    await invite(door, world)
    second = await mail_to(app, NEW, 2)
    assert token_in(first) != token_in(second)
    await send_again(app, settings, first.id, invitation["id"])
    await refuse_token(door, "decline_invitation", token_in(first))
    # Sent once more it is the same letter.
    await send_again(app, settings, second.id, invitation["id"])
    assert len(await mails_to(app, NEW)) == 2
    assert await door.call("decline_invitation", data={"token": token_in(second)})


@pytest.mark.parametrize("end", ["revoked", "expired", "its inviter disabled", "its workspace deleted"])
async def test_what_ended_before_its_letter_went_has_none(
    door: Door, world: World, app: FastAPI, settings: Settings, end: str
) -> None:
    invitation = await invite(door, world)
    mail = await mail_to(app, NEW)
    database: Database = app.state.database
    async with database.write() as uow:
        await uow.session.execute(delete(OutboxMail))
        ended = utc_now() - timedelta(seconds=1)
        values = {"digest": None} | ({"expires_at": ended} if end == "expired" else {})
        await uow.session.execute(update(Invitation).values(**values))
    if end == "revoked":
        await door.call("revoke_invitation", token=world.admin.token, id=invitation["id"])
    elif end == "its workspace deleted":
        await door.call("delete_workspace", token=world.admin.token, id=str(world.workspace))
    elif end == "its inviter disabled":
        root, admin = world.administrator.token, str(world.admin.id)
        await door.call("update_user", token=root, id=admin, data={"disabled": True})

    await send_again(app, settings, mail.id, invitation["id"])

    assert await mails_to(app, NEW) == []
    async with database.read() as reading:
        assert [row.digest for row in await reading.session.all(select(Invitation))] in ([], [None])
