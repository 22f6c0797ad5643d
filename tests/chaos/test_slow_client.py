"""A client that reads nothing costs the server no memory and others no time, and gets everything afterwards."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from db.engine import Database
from tests.live import serve
from tests.streams.crowds import (
    KINDS,
    ConnectionLostError,
    Place,
    Subscriber,
    administrators_place,
    memory,
    reset_peak,
    subscribed,
    write_items,
)

FULL = os.environ.get("CHAOS") == "full"
CHANGES, LETTERS = (50_000, 2_000) if FULL else (2_500, 20_000)
"""So many that a server which kept them for the slow ones would grow by far more than `MOST_MIB`."""
WARM_UP = 600
MOST_MIB = 50
PATIENCE_SECONDS = 600


async def read_until(subscriber: Subscriber, last: int) -> Sequence[int]:
    """Return the numbers of all events up to the last."""
    seqs = [await subscriber.next()]
    while seqs[-1] < last:
        seqs.append(await subscriber.next())
    return seqs


async def read_and_resume(kind: str, place: Place, subscriber: Subscriber, last: int) -> Sequence[int]:
    """Read to the end; if the server gave the client up meanwhile, go on with a new stream."""
    seqs: list[int] = []
    try:
        while not seqs or seqs[-1] < last:
            seqs.append(await subscriber.next())
    except ConnectionLostError:
        async with subscribed(kind, place, after=seqs[-1]) as again:
            seqs += await read_until(again, last)
    return seqs


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of another process is read from /proc")
async def test_clients_that_read_nothing_cost_no_memory_and_get_everything_afterwards(
    database_url: str, tmp_path: Path
) -> None:
    database = Database(database_url)
    settings: dict[str, Any] = {
        "LIVE_BEAT_SECONDS": "0.1",
        "LOG_LEVEL": "warning",
        "SOCKET_PING_SECONDS": "20" if FULL else "1",
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(PATIENCE_SECONDS))
        server = await stack.enter_async_context(serve(database_url, tmp_path, **settings))
        stack.push_async_callback(database.dispose)
        place = await administrators_place(server)
        quick = await stack.enter_async_context(subscribed("socket", place))
        begin = await quick.next()
        reading = asyncio.create_task(read_until(quick, begin + WARM_UP))
        warm = await write_items(database, place, WARM_UP, text="x" * LETTERS)
        await reading
        slow = {kind: await stack.enter_async_context(subscribed(kind, place)) for kind in KINDS}
        for subscriber in slow.values():
            assert await subscriber.next() == warm

        before = memory(server.process.pid)
        reset_peak(server.process.pid)
        reading = asyncio.create_task(read_until(quick, warm + CHANGES))
        last = await write_items(database, place, CHANGES, text="x" * LETTERS)
        assert list(await reading) == list(range(warm + 1, last + 1))
        grown = memory(server.process.pid, "VmHWM") - before
        print(f"{CHANGES} changes of {LETTERS} letters: {grown:.1f} MiB more at the most")  # noqa: T201 - the figure

        for kind, subscriber in slow.items():
            told = await read_and_resume(kind, place, subscriber, last)
            assert list(told) == list(range(warm + 1, last + 1)), kind
    assert begin < warm
    assert last == warm + CHANGES
    assert grown < MOST_MIB
