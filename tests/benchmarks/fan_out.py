"""How fast one writer's changes reach many subscribers: `python -m tests.benchmarks.fan_out [SUBSCRIBERS …]`.

All ask for the same. Once they share one execution per event; once, for comparison, each has its
own, because its operation has a fragment at the root. The latency is from the moment in the log to
the subscriber's hands, one change at a time; deliveries per second are those of a burst of changes.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.benchmarks.each_database import on_each_database
from tests.live import serve
from tests.streams.crowds import Place, administrators_place

FIELD = "itemChanges(workspaceId: $w) { seq at effect item { id title status tags owner { name } } actor { name } }"
SHARED = f"subscription($w: UUID!) {{ {FIELD} }}"
ALONE = f"subscription($w: UUID!) {{ ... {{ {FIELD} }} }}"
CHANGES = {1: 30, 100: 10}
FEW = 5


@dataclass(frozen=True)
class Figures:
    """What one run gave."""

    rate: float
    p50: float
    p99: float


async def open_sockets(place: Place, document: str, number: int, stack: AsyncExitStack) -> Sequence[ClientConnection]:
    """Open sockets with one subscription each, all of them live."""
    address = place.url.replace("http", "ws", 1) + "/graphql"
    payload: dict[str, Any] = {"query": document, "variables": {"w": str(place.workspace)}}
    sockets = []
    for _ in range(number):
        options: dict[str, Any] = {"proxy": None, "ping_interval": None, "compression": None}
        opening = connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], **options)
        socket = await stack.enter_async_context(opening)
        await socket.send(
            json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {place.token}"}})
        )
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        for _ in ("connection_ack", "READY"):
            await socket.recv()
        sockets.append(socket)
    return sockets


@asynccontextmanager
async def writing(place: Place) -> AsyncIterator[Any]:
    """Give a function that makes one change."""
    headers = {"Authorization": f"Bearer {place.token}"}
    async with httpx.AsyncClient(base_url=place.url, headers=headers, timeout=60) as client:

        async def write() -> None:
            (await client.post("/api/items", json={"title": "Buy seeds", "tags": ["garden"]})).raise_for_status()

        yield write


async def receive(socket: ClientConnection, number: int) -> tuple[float, str | bytes]:
    """Receive so many messages; return when the last one came, and that."""
    message: str | bytes = ""
    for _ in range(number):
        message = await socket.recv()
    return time.time(), message


async def measure(place: Place, document: str, number: int) -> Figures:
    """Measure one number of subscribers."""
    changes = CHANGES.get(number, FEW)
    latencies: list[float] = []
    async with AsyncExitStack() as stack, writing(place) as write:
        sockets = await open_sockets(place, document, number, stack)
        for _ in range(changes):
            receiving = [asyncio.create_task(receive(socket, 1)) for socket in sockets]
            await write()
            received = await asyncio.gather(*receiving)
            [event] = json.loads(received[0][1])["payload"]["data"].values()
            made = datetime.fromisoformat(event["at"]).timestamp()
            latencies += [(when - made) * 1000 for when, _ in received]
        receiving = [asyncio.create_task(receive(socket, changes)) for socket in sockets]
        begin = time.perf_counter()
        for _ in range(changes):
            await write()
        await asyncio.gather(*receiving)
        seconds = time.perf_counter() - begin
    cuts = quantiles(latencies, n=100)
    return Figures(number * changes / seconds, cuts[49], cuts[98])


async def run(numbers: Sequence[int], name: str, address: str, folder: Path) -> None:
    """Measure on one database and print the figures."""
    limit = str(max(numbers) + 1)
    limits: dict[str, Any] = {"SOCKET_MAX_PER_USER": limit, "STREAMS_MAX_PER_USER": limit}
    print(name)  # noqa: T201
    async with serve(address, folder, **limits) as server:
        place = await administrators_place(server)
        for number in numbers:
            shared, alone = [await measure(place, document, number) for document in (SHARED, ALONE)]
            for kind, figures in (("shared", shared), ("alone", alone)):
                print(  # noqa: T201
                    f"{number:5} subscribers {kind:6} {figures.rate:8,.0f} deliveries/s "
                    f"p50 {figures.p50:7.1f} ms  p99 {figures.p99:7.1f} ms",
                    flush=True,
                )
            print(f"{number:5} subscribers gain   {shared.rate / alone.rate:8.1f} times", flush=True)  # noqa: T201


def main() -> None:
    """Measure the numbers given, or 1, 100 and 1,000 subscribers, on both databases."""
    numbers = [int(number) for number in sys.argv[1:]] or [1, 100, 1000]
    on_each_database(partial(run, numbers))


if __name__ == "__main__":
    main()
