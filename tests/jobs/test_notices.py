"""People are told by mail of what makes their account weaker, and of what stopped working for their workspace."""

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.services.work.pausing import pause
from db.clock import utc_now
from db.models import Member, Role, User, WebhookPause
from db.paging import PageRequest
from db.repositories import jobs, webhooks
from tests.doors.authenticator import RECOVERY_CODE, write_second_step
from tests.doors.door import Door
from tests.doors.people import PASSWORD, Person, World
from tests.jobs.hooks import hook
from tests.jobs.mailbox import mail_to, mails_to


async def confirm(app: FastAPI, *people: Person) -> None:
    async with app.state.database.write() as uow:
        named = User.id.in_([person.id for person in people])
        await uow.session.execute(update(User).where(named).values(email_verified_at=utc_now()))


async def promised(app: FastAPI, kind: str) -> int:
    async with app.state.database.read() as uow:
        page = await jobs.page(uow.session, PageRequest(jobs.NEWEST_FIRST, 100), None)
    return [job.kind for job in page.rows].count(kind)


async def switch_off(door: Door, person: Person) -> None:
    await write_second_step(door.app, person.id)
    data = {"current_password": PASSWORD, "code": RECOVERY_CODE}
    await door.call("disable_two_step", token=person.token, data=data)


async def test_whose_two_step_sign_in_was_switched_off_is_told_by_whom(door: Door, world: World, app: FastAPI) -> None:
    await switch_off(door, world.stranger)
    # Nobody proved to read that address: whoever signed up with it could write to it.
    assert await promised(app, "tell_of_two_step_off") == 0
    await confirm(app, world.viewer, world.editor)
    await switch_off(door, world.viewer)
    await write_second_step(app, world.editor.id)
    await door.call("reset_two_step", token=world.administrator.token, id=str(world.editor.id))
    for person, who in ((world.viewer, "somebody, probably you,"), (world.editor, "an administrator")):
        mail = await mail_to(app, person.email)
        assert mail.subject == "Two-step sign-in is off for your account at Twofold"
        for text in (mail.text, mail.html):
            assert f"{who} switched two-step sign-in off for your account at Twofold, on " in " ".join(text.split())
            assert "http://127.0.0.1:8000" in text
        assert ("choose a new password at once" in mail.text) == (person is world.viewer)
        assert len(await mails_to(app, person.email)) == 1
    assert await promised(app, "tell_of_two_step_off") == 2


async def stop(app: FastAPI, webhook_id: UUID, reason: WebhookPause, *, then: Any = None) -> None:
    async with app.state.database.write() as uow:
        webhook = await webhooks.lock(uow.session, webhook_id)
        assert webhook is not None
        await pause(uow, webhook, reason)
        if then is not None:
            raise then


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (WebhookPause.FAILING, "its receiver took nothing for three days"),
        (WebhookPause.GONE, "its receiver answered that it wants to hear no more"),
        (WebhookPause.LOG_TRIMMED, "the log was trimmed beyond what the receiver had been told of"),
    ],
)
async def test_admins_are_told_of_a_webhook_that_was_paused_once_a_day(
    app: FastAPI, world: World, reason: WebhookPause, why: str
) -> None:
    await confirm(app, world.admin, world.viewer)
    async with app.state.database.write() as uow:
        # Another admin, whose address is not confirmed.
        await uow.session.execute(update(Member).where(Member.user_id == world.editor.id).values(role=Role.ADMIN))
    one, other = [await hook(app, world, "https://example.com/evil", description="evil") for _ in range(2)]
    with pytest.raises(LookupError):
        await stop(app, one.id, reason, then=LookupError())
    assert await promised(app, "tell_of_pause") == 0
    await stop(app, one.id, reason)
    await stop(app, other.id, reason)
    mail = await mail_to(app, world.admin.email)
    assert mail.subject == "A webhook of yours at Twofold is paused"
    for text in (mail.text, mail.html):
        assert f"where you are an admin is told nothing any more, as {why}:" in text
        assert f"Webhook: {one.id}" in text
        # What a letter says, nobody chose.
        assert "evil" not in text
    assert await promised(app, "tell_of_pause") == 1
