"""What is attacked: a started server with an ordinary user's full workspace, and a bystander's small one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from api.core.actor import UserActor
from db.engine import Database
from db.models import UserRole
from tests.attacks.bystander import PAUSE_SECONDS, Bystander, standing_by
from tests.live import NO_CERTIFICATES, LiveServer, serve
from tests.streams.crowds import Place, write_items

LONG_TEXT = "Δx " * 6_666
"""As long as a description may be, in letters of which many take two bytes."""

PASSWORD = "Correct horse 1"


@dataclass(frozen=True)
class Target:
    """The server, who attacks it, and who merely uses it meanwhile."""

    server: LiveServer
    attacker: Place
    bystander: Bystander

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.server.url

    def log_since(self, offset: int) -> str:
        """Return what the server logged after so many bytes."""
        with self.server.log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")


@asynccontextmanager
async def under_attack(
    address: str,
    folder: Path,
    *,
    items: int = 120,
    texts: int = 100,
    pause: float = PAUSE_SECONDS,
    **environment: Any,
) -> AsyncIterator[Target]:
    """Start a server whose attacker has `items` items, `texts` of them with as long a text as may be."""
    async with serve(address, folder, LOG_FORMAT="json", **environment) as server:
        attacker = await sign_up(server.url, "mallory")
        quiet = await sign_up(server.url, "bystander")
        database = Database(address)
        try:
            await write_items(database, attacker, texts, batch=20, text=LONG_TEXT)
            await write_items(database, attacker, items - texts)
            await write_items(database, quiet, 20)
        finally:
            await database.dispose()
        async with standing_by(server.url, quiet.token, pause) as bystander:
            yield Target(server, attacker, bystander)


async def sign_up(url: str, name: str) -> Place:
    """Create an account and sign in."""
    who = {"email": f"{name}@example.com", "password": PASSWORD}
    async with httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=url, timeout=60) as client:
        account = {**who, "name": name, "password_confirm": PASSWORD}
        me = (await client.post("/api/users", json=account)).raise_for_status().json()
        token = (await client.post("/api/auth/login", json=who)).raise_for_status().json()["access_token"]
    home = UUID(me["personal_workspace_id"])
    return Place(url, home, token, UserActor(UUID(me["id"]), UserRole.MEMBER, home))


async def settled(target: Target) -> None:
    """Wait until the server answers as if nothing had happened."""
    async with (
        asyncio.timeout(60),
        httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=target.url, timeout=60) as client,
    ):
        while (await client.get("/ready")).status_code != httpx.codes.OK:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
