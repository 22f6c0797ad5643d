"""Streams that wait hold no database connection, however many they are."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import QueuePool

from tests.benchmarks.each_database import allow_many_files
from tests.conftest import AppFactory
from tests.doors.people import make_world
from tests.live import NO_CERTIFICATES, serve
from tests.streams.crowds import Place, administrators_place, crowd
from tests.streams.transport import served
from tests.streams.writing import add_item

FULL = os.environ.get("CHAOS") == "full"
SUBSCRIBERS = 2_000 if FULL else 60
REQUESTS = 20
POOL = 5
PATIENCE_SECONDS = 300


@pytest.fixture(autouse=True)
def many_files() -> None:
    """Let this process open as many files as there are streams."""
    if FULL:
        allow_many_files()


def checked_out(app: FastAPI) -> int:
    """Return how many connections somebody holds at this moment."""
    pools = [engine.pool for engine in app.state.database.engines]
    return sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))


async def ask_much(place: Place) -> Sequence[int]:
    """Ask for the items many times at once, and return the answers' status."""
    async with httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=place.url, timeout=PATIENCE_SECONDS) as client:
        query = {"workspace_id": str(place.workspace)}
        headers = {"Authorization": f"Bearer {place.token}"}
        answers = await asyncio.gather(
            *(client.get("/api/items", params=query, headers=headers) for _ in range(REQUESTS))
        )
    return [answer.status_code for answer in answers]


async def test_no_connection_is_checked_out_while_streams_wait(make_app: AppFactory) -> None:
    app: FastAPI = await make_app(
        database_pool_size=POOL, socket_max_per_user=SUBSCRIBERS, streams_max_per_user=SUBSCRIBERS
    )
    # Without the beats the hub asks for nothing by itself, and zero means zero.
    app.state.hub.options = replace(app.state.hub.options, beat=3600, rights_beat=3600)
    world = await make_world(app)
    async with asyncio.timeout(PATIENCE_SECONDS), served(app) as url:
        place = Place(url, world.workspace, world.viewer.token, world.viewer.actor)
        async with crowd(place, SUBSCRIBERS) as subscribers:
            assert len(list(app.state.hub.streams())) == SUBSCRIBERS
            assert checked_out(app) == 0
            assert await ask_much(place) == [200] * REQUESTS
            await add_item(app, world)
            seqs = {await subscriber.next() for subscriber in subscribers}
            assert len(seqs) == 1
            while checked_out(app):  # noqa: ASYNC110 - the last request may still be at its end
                await asyncio.sleep(0.01)
        while list(app.state.hub.streams()):  # noqa: ASYNC110 - the hub tells nobody about an end
            await asyncio.sleep(0.01)
    assert app.state.hub.channels == {}


async def test_a_server_goes_on_answering_with_many_streams_open(database_url: str, tmp_path: Path) -> None:
    limit = str(SUBSCRIBERS)
    options: dict[str, Any] = {
        "DATABASE_POOL_SIZE": str(POOL),
        "SOCKET_MAX_PER_USER": limit,
        "STREAMS_MAX_PER_USER": limit,
    }
    async with asyncio.timeout(PATIENCE_SECONDS), serve(database_url, tmp_path, **options) as server:
        place = await administrators_place(server)
        async with crowd(place, SUBSCRIBERS):
            assert await ask_much(place) == [200] * REQUESTS
            if database_url.startswith("postgresql"):
                await wait_until_idle(database_url)


async def wait_until_idle(address: str) -> None:
    """Wait for a moment without any transaction; the hub's own look at rights is over in no time."""
    witness = await asyncpg.connect(address)
    try:
        while True:
            rows = await witness.fetch(
                "SELECT state FROM pg_stat_activity WHERE application_name = 'twofold' AND datname = current_database()"
            )
            assert 1 <= len(rows) <= POOL
            if {row["state"] for row in rows} == {"idle"}:
                return
            await asyncio.sleep(0.01)
    finally:
        await witness.close()
