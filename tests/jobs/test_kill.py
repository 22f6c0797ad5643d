"""Pull the plug at each step of a sign-up: never a user without a mail, never a mail for nobody.

A mail that was sent twice has one Message-ID, so that it is one for whoever gets it. `CHAOS=full` takes each step on
both databases; else the steps are shared out.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors.people import PASSWORD
from tests.jobs.mail_server import mail_server
from tests.live import NO_CERTIFICATES, LiveServer, free_port, serve

DYING = (sys.executable, str(Path(__file__).with_name("dying_twofold.py")))
FULL = os.environ.get("CHAOS") == "full"

UNDONE = {"before the promise": "sqlite", "before the commit": "postgresql"}
DONE = {"after the commit": "sqlite", "at the address": "postgresql", "at the text": None}
"""The steps, and the database on which each is taken where time is short: a worker that died is missed for 30 s."""


def cases(steps: dict[str, str | None] | dict[str, str]) -> list[tuple[str, str]]:
    return [(step, kind) for step, own in steps.items() for kind in ("sqlite", "postgresql") if FULL or kind == own]


def account(name: str) -> dict[str, Any]:
    return {"name": name, "email": f"{name}@example.com", "password": PASSWORD, "password_confirm": PASSWORD}


async def sign_up(server: LiveServer, name: str) -> int | None:
    """Sign up, and return the status of the answer, or None if the server died."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60, verify=NO_CERTIFICATES) as client:
        try:
            return (await client.post("/api/users", json=account(name))).status_code
        except httpx.TransportError:
            return None


async def has_account(server: LiveServer, name: str) -> bool:
    credentials = {"email": f"{name}@example.com", "password": PASSWORD}
    async with httpx.AsyncClient(base_url=server.url, timeout=60, verify=NO_CERTIFICATES) as client:
        return (await client.post("/api/auth/login", json=credentials)).status_code == httpx.codes.OK


def once(act: Callable[[], None]) -> Callable[[], None]:
    """Return the action, which is done the first time only."""
    left = [act]
    return lambda: left.pop()() if left else None


@pytest.mark.parametrize(("step", "database_url"), cases(UNDONE), indirect=["database_url"])
async def test_who_has_no_account_gets_no_mail(database_url: str, tmp_path: Path, step: str) -> None:
    port = free_port()
    async with mail_server() as mails:
        settings = {"JOBS": "here", "SMTP_URL": mails.url, "LOG_LEVEL": "warning"}
        async with serve(database_url, tmp_path, port=port, program=DYING, DIE=step, **settings) as server:
            assert await sign_up(server, "ada") is None
            assert await server.process.wait() == -9
        async with serve(database_url, tmp_path, port=port, **settings) as server:
            assert not await has_account(server, "ada")
            assert await sign_up(server, "grace") == httpx.codes.CREATED
            await mails.mails_to("grace@example.com")
            assert [mail["To"] for mail in mails.mails] == ["grace@example.com"]


@pytest.mark.parametrize(("step", "database_url"), cases(DONE), indirect=["database_url"])
async def test_who_has_an_account_gets_one_mail(database_url: str, tmp_path: Path, step: str) -> None:
    port = free_port()
    async with mail_server() as mails:
        settings = {"JOBS": "here", "SMTP_URL": mails.url, "LOG_LEVEL": "warning"}
        async with serve(database_url, tmp_path, port=port, program=DYING, DIE=step, **settings) as server:
            mails.at_address = once(server.kill) if step == "at the address" else mails.at_address
            mails.at_text = once(server.kill) if step == "at the text" else mails.at_text
            await sign_up(server, "ada")
            assert await server.process.wait() == -9
        number = len(mails.mails)
        assert number == (step == "at the text")
        async with serve(database_url, tmp_path, port=port, **settings) as server:
            assert await has_account(server, "ada")
            found = await mails.mails_to("ada@example.com", number + 1)
    assert len({mail["Message-ID"] for mail in found}) == 1
    assert len(mails.mails) == number + 1
