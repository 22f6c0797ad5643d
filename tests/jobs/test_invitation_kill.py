"""Pull the plug around the letter of an invitation: never one without a letter, never a letter for none.

`CHAOS=full` does it amid the letter too, on both databases: a worker that died is missed for 30 s.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.jobs.mail_server import mail_server
from tests.jobs.test_kill import DYING, FULL, once
from tests.live import NO_CERTIFICATES, LiveServer, free_port, serve

ADDRESS = "grace@example.com"
PASSWORD = "Analytical1"


async def call(server: LiveServer, method: str, path: str, token: str | None = None, data: Any = None) -> Any:
    """Return what was answered; None if the server died meanwhile."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=server.url, timeout=60, verify=NO_CERTIFICATES, headers=headers) as client:
        try:
            answer = await client.request(method, path, json=data)
        except httpx.TransportError:
            return None
        return answer.raise_for_status().json()


async def sign_in(server: LiveServer, email: str, password: str) -> str:
    data = {"email": email, "password": password}
    token: str = (await call(server, "POST", "/api/auth/login", data=data))["access_token"]
    return token


async def as_admin(server: LiveServer) -> tuple[str, str]:
    """Return a token of the administrator, and the id of its own workspace."""
    token = await sign_in(server, server.admin_email, server.admin_password)
    return token, (await call(server, "GET", "/api/users/me", token))["personal_workspace_id"]


async def invite(server: LiveServer) -> bool:
    """Invite into the administrator's own workspace; return whether that was answered."""
    token, home = await as_admin(server)
    data = {"email": ADDRESS, "role": "editor"}
    return await call(server, "POST", f"/api/workspaces/{home}/invitations", token, data) is not None


async def invited(server: LiveServer) -> list[str]:
    """Return who is invited there."""
    token, home = await as_admin(server)
    listed = await call(server, "GET", f"/api/invitations?workspace_id={home}", token)
    return [one["email"] for one in listed["data"]]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"] if FULL else ["sqlite"], indirect=True)
async def test_who_is_invited_gets_one_letter_that_lets_in_whenever_a_server_dies(
    database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    async with mail_server() as mails:
        settings = {"JOBS": "here", "SMTP_URL": mails.url, "LOG_LEVEL": "warning"}
        for step in ("before the commit", "after the commit"):
            async with serve(database_url, tmp_path, port=port, program=DYING, DIE=step, **settings) as server:
                # What was undone before is not there.
                assert await invited(server) == []
                assert not await invite(server)
                assert await server.process.wait() == -9
            assert mails.mails == []
        if FULL:
            async with serve(database_url, tmp_path, port=port, **settings) as server:
                mails.at_text = once(server.kill)
                assert await server.process.wait() == -9
            assert len(mails.mails) == 1
        async with serve(database_url, tmp_path, port=port, **settings) as server:
            assert await invited(server) == [ADDRESS]
            found = await mails.mails_to(ADDRESS, 1 + FULL)
            (token,) = {_token_in(mail) for mail in found}
            account = {"name": "Grace", "email": ADDRESS, "password": PASSWORD, "password_confirm": PASSWORD}
            await call(server, "POST", "/api/users", data=account)
            own = await sign_in(server, ADDRESS, PASSWORD)
            member = await call(server, "POST", "/api/invitations/accept", own, {"token": token})
            assert (member["role"], await invited(server)) == ("editor", [])
    assert len({mail["Message-ID"] for mail in found}) == 1


def _token_in(mail: Any) -> str:
    text = mail.get_payload()[0].get_payload(decode=True).decode()
    token: str = text.partition("#token=")[2].split()[0]
    return token
