"""Many processes write to one SQLite file: nobody hears that it is locked, and nothing gets lost."""

import asyncio
import os
import sqlite3
import time
from collections import Counter
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import make_url

from tests.live import LiveServer, serve

PROCESSES = 8
CLIENTS_PER_PROCESS = 2
SECONDS = 10.0 if os.environ.get("CHAOS") == "full" else 3.0
PATIENCE = 60.0

CREATE = "mutation($input: ItemCreate!) { createItem(input: $input) { id version } }"


class Writer:
    """One client of one process: creates items at both doors and edits each once."""

    def __init__(self, server: LiveServer, token: str) -> None:
        self.server = server
        self.headers = {"Authorization": f"Bearer {token}"}
        self.created: list[str] = []
        self.updated: list[str] = []
        self.refusals: list[Any] = []

    async def write_until(self, end: float) -> None:
        """Write one thing after the other until the time is over."""
        async with httpx.AsyncClient(base_url=self.server.url, headers=self.headers, timeout=PATIENCE) as client:
            while time.monotonic() < end:
                await self._create_by_rest(client)
                await self._create_by_graphql(client)
                if self.created:
                    await self._update(client, self.created[-1])

    async def _create_by_rest(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/api/items", json={"title": "from REST"})
        if response.status_code == 201:
            self.created.append(response.json()["id"])
        else:
            self.refusals.append(response.text)

    async def _create_by_graphql(self, client: httpx.AsyncClient) -> None:
        body = {"query": CREATE, "variables": {"input": {"title": "from GraphQL"}}}
        response = await client.post("/graphql", json=body)
        answer = response.json()
        if response.status_code == 200 and "errors" not in answer:
            self.created.append(answer["data"]["createItem"]["id"])
        else:
            self.refusals.append(response.text)

    async def _update(self, client: httpx.AsyncClient, item_id: str) -> None:
        response = await client.patch(f"/api/items/{item_id}", json={"priority": 4}, headers={"If-Match": '"1"'})
        if response.status_code == 200:
            self.updated.append(item_id)
        else:
            self.refusals.append(response.text)


async def test_eight_processes_on_one_file_lose_no_write_and_meet_no_lock(sqlite_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        # The first start makes the administrator; only then may the others come.
        first = await stack.enter_async_context(serve(sqlite_url, tmp_path, LOG_LEVEL="warning"))
        starts = [stack.enter_async_context(serve(sqlite_url, tmp_path, LOG_LEVEL="warning")) for _ in range(7)]
        servers = [first, *await asyncio.gather(*starts)]
        assert len({server.process.pid for server in servers}) == PROCESSES
        token, home = await _sign_in(first)

        writers = [Writer(server, token) for server in servers for _ in range(CLIENTS_PER_PROCESS)]
        end = time.monotonic() + SECONDS
        await asyncio.gather(*(writer.write_until(end) for writer in writers))

    assert [refusal for writer in writers for refusal in writer.refusals] == []
    assert all(writer.created and writer.updated for writer in writers)
    created = [item_id for writer in writers for item_id in writer.created]
    updated = [item_id for writer in writers for item_id in writer.updated]
    assert "locked" not in "".join(server.log.read_text() for server in servers)
    _check_file(make_url(sqlite_url).database or "", home, created, updated)


async def _sign_in(server: LiveServer) -> tuple[str, str]:
    credentials = {"email": server.admin_email, "password": server.admin_password}
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE) as client:
        token = (await client.post("/api/auth/login", json=credentials)).json()["access_token"]
        me = await client.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})
    return token, me.json()["personal_workspace_id"]


def _check_file(path: str, home: str, created: list[str], updated: list[str]) -> None:
    """Compare what was acknowledged with the rows and with the log."""
    workspace = home.replace("-", "")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = dict(connection.execute("SELECT id, version FROM items").fetchall())
        log = connection.execute(
            "SELECT seq, kind, entity_id FROM changes WHERE workspace_id = ? ORDER BY seq", (workspace,)
        ).fetchall()
        last = connection.execute("SELECT last_seq FROM workspaces WHERE id = ?", (workspace,)).fetchone()[0]
    # A sign-up makes the workspace and its member: the first two numbers.
    assert [seq for seq, _, _ in log] == list(range(1, 2 + len(created) + len(updated) + 1))
    assert last == len(log)
    edited = {item_id.replace("-", "") for item_id in updated}
    expected = {item_id.replace("-", ""): 2 if item_id.replace("-", "") in edited else 1 for item_id in created}
    assert len(expected) == len(created)
    assert rows == expected
    told = Counter((kind, entity_id) for _, kind, entity_id in log[2:])
    assert told == Counter(
        [("created", item_id) for item_id in expected] + [("updated", item_id) for item_id in edited]
    )
