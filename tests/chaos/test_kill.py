"""Pull the plug in the middle of writes: what was acknowledged is there afterwards, in an unbroken log."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import make_url

from tests.chaos.waiting import LIMIT_SECONDS
from tests.live import LiveServer, free_port, serve

CLIENTS = 6
ACKNOWLEDGED_BEFORE_THE_KILL = 60


class Acknowledged:
    """What the clients heard of before the server died."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.enough = asyncio.Event()

    def note(self, item_id: str) -> None:
        """Remember an item that the server said it has."""
        self.items.append(item_id)
        if len(self.items) >= ACKNOWLEDGED_BEFORE_THE_KILL:
            self.enough.set()


async def write_until_it_dies(server: LiveServer, token: str, acknowledged: Acknowledged) -> None:
    """Create items, and a message on each, until nobody answers."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=LIMIT_SECONDS) as client:
        while True:
            try:
                item = await client.post("/api/items", json={"title": "In the middle"})
                assert item.status_code == 201
                acknowledged.note(item.json()["id"])
                await client.post("/api/messages", json={"item_id": item.json()["id"], "body": "of everything"})
            except httpx.TransportError:
                return


async def sign_in(server: LiveServer) -> str:
    credentials = {"email": server.admin_email, "password": server.admin_password}
    async with httpx.AsyncClient(base_url=server.url, timeout=LIMIT_SECONDS) as client:
        token: str = (await client.post("/api/auth/login", json=credentials)).json()["access_token"]
    return token


async def read_all(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Walk a list to its end."""
    rows: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await client.get(path, params={"limit": 100, **query, **cursor})).json()
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["next_cursor"]}


async def read_log(client: httpx.AsyncClient, workspace: str) -> list[dict[str, Any]]:
    """Read the log to its end."""
    entries: list[dict[str, Any]] = []
    while True:
        query = {"after": len(entries), "limit": 100}
        page = (await client.get(f"/api/workspaces/{workspace}/changes", params=query)).json()
        entries += page["data"]
        if not page["has_more"]:
            assert page["seq"] == len(entries)
            return entries


async def test_what_was_acknowledged_survives_a_kill(database_url: str, tmp_path: Path) -> None:
    port, acknowledged = free_port(), Acknowledged()
    async with serve(database_url, tmp_path, port=port, LOG_LEVEL="warning") as server:
        token = await sign_in(server)
        clients = [asyncio.create_task(write_until_it_dies(server, token, acknowledged)) for _ in range(CLIENTS)]
        async with asyncio.timeout(LIMIT_SECONDS):
            await acknowledged.enough.wait()
            server.kill()
            await asyncio.gather(*clients)
        assert await server.process.wait() == -9

    # The same address, the same database: as a supervisor would start it again.
    async with serve(database_url, tmp_path, port=port, LOG_LEVEL="warning") as server:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=LIMIT_SECONDS) as client:
            home = (await client.get("/api/users/me")).json()["personal_workspace_id"]
            items = await read_all(client, "/api/items", sort="created")
            entries = await read_log(client, home)
            last = (await client.post("/api/items", json={"title": "Afterwards"})).json()["id"]
            newest = (await client.get(f"/api/workspaces/{home}/changes", params={"after": len(entries)})).json()[
                "data"
            ]

    rows = {item["id"] for item in items}
    assert set(acknowledged.items) <= rows
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    # Rows and log agree: neither has what the other lacks.
    assert {entry["entity_id"] for entry in entries if entry["entity"] == "item"} == rows
    assert [(entry["seq"], entry["entity_id"]) for entry in newest] == [(len(entries) + 1, last)]
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(make_url(database_url).database or "")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
