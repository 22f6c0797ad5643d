"""Whether clients that read nothing slow down the others: `python -m tests.benchmarks.slow_clients`.

One subscriber reads a burst of changes as fast as it can; first beside subscribers that read too, then
beside as many that read nothing. The ratio is that of the two times.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from db.engine import Database
from tests.benchmarks.each_database import on_each_database
from tests.live import serve
from tests.streams.crowds import KINDS, Place, Subscriber, administrators_place, subscribed, write_items

CHANGES = 3_000
LETTERS = 2_000


async def read(subscriber: Subscriber, last: int) -> None:
    """Read until a number."""
    while await subscriber.next() < last:
        pass


async def measure(place: Place, database: Database, *, reading: bool) -> float:
    """Return how long the one needs, with the others reading too or not at all."""
    async with AsyncExitStack() as stack:
        quick = await stack.enter_async_context(subscribed("socket", place))
        others = [await stack.enter_async_context(subscribed(kind, place)) for kind in KINDS]
        first = {await subscriber.next() for subscriber in (quick, *others)}
        last = max(first) + CHANGES
        begin = time.perf_counter()
        readers = [asyncio.create_task(read(subscriber, last)) for subscriber in others if reading]
        writer = asyncio.create_task(write_items(database, place, CHANGES, text="x" * LETTERS))
        await read(quick, last)
        seconds = time.perf_counter() - begin
        await asyncio.gather(writer, *readers)
    return seconds


async def run(name: str, address: str, folder: Path) -> None:
    """Measure on one database and print the figures."""
    settings: dict[str, Any] = {"LIVE_BEAT_SECONDS": "0.1", "LOG_LEVEL": "warning"}
    database = Database(address)
    async with serve(address, folder, **settings) as server:
        place = await administrators_place(server)
        await measure(place, database, reading=True)
        beside_readers = await measure(place, database, reading=True)
        beside_stalled = await measure(place, database, reading=False)
    await database.dispose()
    print(  # noqa: T201
        f"{name:10} {CHANGES} changes: {beside_readers:.1f} s beside three that read, {beside_stalled:.1f} s beside "
        f"three that do not: {beside_stalled / beside_readers:.2f} times as long",
        flush=True,
    )


if __name__ == "__main__":
    on_each_database(run)
