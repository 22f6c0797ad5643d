"""Who signs up gets a mail; who is made an account, or whose sign-up fails, does not."""

import re

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.core.mail_tokens import digest_of
from db.engine import Database
from db.models import JobStatus, MailPurpose, MailToken
from db.paging import PageRequest
from db.repositories import jobs
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.jobs.mailbox import mail_to, token_in
from tests.jobs.waiting import until

ADA = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "password_confirm": PASSWORD}


async def test_who_signs_up_gets_one_mail_with_a_link(door: Door, app: FastAPI) -> None:
    user = await door.call("create_user", data=ADA)
    mail = await mail_to(app, "ada@example.com")
    assert mail.subject == "Welcome to Twofold"
    assert mail.message_id == f"<{mail.id}@example.com>"
    assert re.search(r"http://127\.0\.0\.1:8000/verify-email#token=[\w-]{43}\n", mail.text)
    # Whoever signs up with another one's address cannot write to it.
    assert "Ada" not in mail.text
    assert "Ada" not in mail.html

    database: Database = app.state.database
    async with database.read() as uow:
        (token,) = await uow.session.all(select(MailToken))
    assert (token.id, str(token.user_id), token.purpose) == (mail.id, user["id"], MailPurpose.VERIFICATION)
    assert token.digest == digest_of(token_in(mail))

    async def is_done() -> bool:
        async with database.read() as uow:
            job = await jobs.find(uow.session, mail.id)
        assert job is not None
        return job.status is JobStatus.DONE

    await until(is_done)


async def test_who_is_refused_or_made_an_account_gets_none(door: Door, world: World, app: FastAPI) -> None:
    with pytest.raises(DoorError):
        await door.call("create_user", data={**ADA, "email": "viewer@example.com"})
    await door.call("create_user", token=world.administrator.token, data=ADA)
    database: Database = app.state.database
    async with database.read() as uow:
        page = await jobs.page(uow.session, PageRequest(jobs.NEWEST_FIRST, 100), None)
    assert [job.kind for job in page.rows] == ["sweep"]
