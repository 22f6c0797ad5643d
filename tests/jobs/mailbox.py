"""Reading the outbox."""

from fastapi import FastAPI

from api.core.actor import SYSTEM
from api.services.outbox import list_outbox
from db.engine import Database
from db.models import OutboxMail
from tests.doors.rows import JOBS, all_rows
from tests.jobs.waiting import until


async def mails_to(app: FastAPI, address: str) -> list[OutboxMail]:
    """Return the mails to an address, the oldest first."""
    database: Database = app.state.database
    async with database.read() as uow:
        mails = await list_outbox(uow, SYSTEM, limit=100)
    return [mail for mail in reversed(mails) if mail.recipient == address]


async def mail_to(app: FastAPI, address: str, number: int = 1) -> OutboxMail:
    """Wait for the mail to an address that is the first, second, … one, and return it."""

    async def look() -> OutboxMail | None:
        mails = await mails_to(app, address)
        return mails[number - 1] if len(mails) >= number else None

    return await until(look)


async def lasting_rows(app: FastAPI) -> dict[str, list[str]]:
    """Return all rows but what a worker changes by itself: that it is there, and how far its jobs are."""
    rows = await all_rows(app)
    return {**rows, "workers": [], JOBS: [job.split()[0] for job in rows[JOBS]]}


def token_in(mail: OutboxMail) -> str:
    """Return the token in a mail's link, which the HTML has as well."""
    token = mail.text.partition("#token=")[2].split()[0]
    assert f"#token={token}" in mail.html
    return token
