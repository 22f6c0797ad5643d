"""What a stream that waits costs: `python -m tests.benchmarks.idle_streams [SUBSCRIBERS]`.

Websockets and Server-Sent Events of both doors in turn, on a server with five database connections.
"""

import asyncio
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.each_database import on_each_database
from tests.live import serve
from tests.streams.crowds import KINDS, Place, administrators_place, crowd, memory

REQUESTS = 100


async def answered(place: Place) -> float:
    """Return how many requests for a list are answered per second, ten at a time."""
    headers = {"Authorization": f"Bearer {place.token}"}
    async with httpx.AsyncClient(base_url=place.url, headers=headers, timeout=60) as client:
        begin = time.perf_counter()
        for _ in range(REQUESTS // 10):
            for answer in await asyncio.gather(*(client.get("/api/items") for _ in range(10))):
                answer.raise_for_status()
        return REQUESTS / (time.perf_counter() - begin)


async def measure(number: int, name: str, address: str, folder: Path) -> None:
    """Open the streams on one database and print what they take."""
    limits: dict[str, Any] = {"SOCKET_MAX_PER_USER": str(number), "STREAMS_MAX_PER_USER": str(number)}
    async with serve(address, folder, DATABASE_POOL_SIZE="5", **limits) as server:
        place = await administrators_place(server)
        # The first of each kind pays for what all of them share.
        async with crowd(place, len(KINDS) * 10):
            pass
        rate, before = await answered(place), memory(server.process.pid)
        async with crowd(place, number):
            taken = memory(server.process.pid) - before
            busy = await answered(place)
        print(  # noqa: T201
            f"{name:10} {number} streams: {taken:.0f} MiB, {taken * 1024 / number:.1f} KiB each; "
            f"{rate:.0f} requests/s before, {busy:.0f} with them open"
        )


def main() -> None:
    """Measure both databases."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    on_each_database(partial(measure, number))


if __name__ == "__main__":
    main()
