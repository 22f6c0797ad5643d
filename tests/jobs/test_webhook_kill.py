"""Pull the plug amid a webhook: another worker goes on, nothing is missing, and what comes twice bears one id."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors.people import PASSWORD
from tests.jobs.receiver import OK, Delivery, receiver
from tests.jobs.test_kill import FULL, account
from tests.jobs.test_workers import worker
from tests.live import NO_CERTIFICATES, LiveServer, free_port, serve

KINDS = ["sqlite", "postgresql"] if FULL else ["sqlite"]
LOOPBACK = {"WEBHOOK_PRIVATE_ADDRESSES": "true", "WEBHOOK_PLAIN_HTTP": "true", "LOG_LEVEL": "info"}
NUMBER = 60
KILLED_AT = 30


@asynccontextmanager
async def owner(server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of somebody with a workspace."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60, verify=NO_CERTIFICATES) as client:
        (await client.post("/api/users", json=account("ada"))).raise_for_status()
        who = {"email": "ada@example.com", "password": PASSWORD}
        token = (await client.post("/api/auth/login", json=who)).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def send(client: httpx.AsyncClient, path: str, **data: Any) -> Any:
    return (await client.post(path, json=data)).raise_for_status().json()


@pytest.mark.parametrize("database_url", KINDS, indirect=True)
async def test_another_worker_goes_on_where_a_killed_one_was(database_url: str, tmp_path: Path) -> None:
    async with receiver() as one, serve(database_url, tmp_path, port=free_port(), **LOOPBACK) as server:
        async with owner(server) as client:
            made = await send(client, "/api/webhooks", url=one.url)
            for number in range(NUMBER):
                await send(client, "/api/items", title=f"Item {number}")
        async with worker(database_url, tmp_path, **LOOPBACK) as first:

            async def kill(_delivery: Delivery) -> bytes | None:
                if len(one.came) == KILLED_AT:
                    first.send_signal(signal.SIGKILL)
                    await asyncio.sleep(0)
                    return None
                return OK

            one.behave = kill
            assert await first.wait() == -9
        seqs = [made["seq"] + 1 + index for index in range(NUMBER)]
        assert one.seqs == seqs[: KILLED_AT - 1]
        async with worker(database_url, tmp_path, **LOOPBACK):
            await one.told(seqs[-1])
    before, after = one.seqs[: KILLED_AT - 1], one.seqs[KILLED_AT - 1 :]
    # It begins again with what was not written down, and leaves out nothing.
    assert after == seqs[after[0] - seqs[0] :]
    assert after[0] <= before[-1] + 1
    assert len({(delivery.seq, delivery.id, delivery.body) for delivery in one.came}) == NUMBER
    assert all(delivery.verify(made["secret"]) for delivery in one.taken)
