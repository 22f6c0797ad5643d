"""Query, then subscribe: together they are complete, whatever is written at that moment."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

from tests.doors.people import World
from tests.graphql.asking import read
from tests.streams.transport import served, watching
from tests.streams.writing import add_item, last_seq

SNAPSHOT = "query($w: UUID!) { workspace(id: $w) { seq items(first: 100) { nodes { id } } } }"
WRITERS = 4
EACH = 8
READERS = 6


async def test_the_rows_beside_a_seq_are_no_older_so_that_a_subscription_after_it_completes_them(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    async def keep_writing() -> None:
        for number in range(EACH):
            await add_item(app, world, f"{number}")

    async def look() -> Any:
        return (await read(client, world.viewer.token, SNAPSHOT, w=str(world.workspace)))["workspace"]

    writers = [asyncio.create_task(keep_writing()) for _ in range(WRITERS)]
    snapshots = [await look() for _ in range(READERS)]
    await asyncio.gather(*writers)
    end = await last_seq(app, world)
    final = {node["id"] for node in (await look())["items"]["nodes"]}
    assert len(final) == WRITERS * EACH
    # Otherwise nothing was written meanwhile, and nothing is shown.
    assert len({snapshot["seq"] for snapshot in snapshots}) > 1

    async with served(app) as url:
        for snapshot in snapshots:
            known = {node["id"] for node in snapshot["items"]["nodes"]}
            after = snapshot["seq"]
            if after < end:
                async with watching(
                    "socket", url, world.viewer.token, world.workspace, after=after, where={}
                ) as stream:
                    known |= {str(event.entity_id) for event in await stream.until(end)}
            assert known == final
