"""What lasts: streams that cost as much as they may while much is written, replays without end, and a flood of log-ins."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from db.engine import Database
from tests.attacks.requests import Request, graphql, rest
from tests.attacks.target import LONG_TEXT, PASSWORD, Target
from tests.streams.crowds import write_items

STREAMS, ON_A_SOCKET = 200, 50
"""As many as a user may have, and as a socket may carry, by default."""

REPLAYS, REPLAY_SECONDS = 10, 1.0
"""So many replays of each kind at once, each broken off after so long."""

BURST, IN_ONE_REQUEST = 1000, 25
LOGINS = 200


@dataclass
class Taken:
    """What an attack got: how long each of its requests took, in seconds, and the bytes of all that it received."""

    times: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


Attack = Callable[[Target, float], Coroutine[Any, Any, Taken]]
"""Attacks a server for so many seconds."""


class RefusedError(Exception):
    """A stream was refused."""


def attacks(database_url: str) -> Iterator[tuple[str, Attack]]:
    """Go through all of them, by name."""
    page = "items(first: {}, sort: CREATED_ASC) {{ nodes {{ id title status priority tags }} }}"
    texts = "items(first: {}, sort: CREATED_ASC) {{ nodes {{ description }} }}"
    nested = "items(first: 100) {{ nodes {{ owner {{ items(first: {}) {{ nodes {{ id title }} }} }} }} }}"
    yield f"{STREAMS} streams with a page", _watching(STREAMS, page)
    yield f"{STREAMS} streams with long texts", _watching(STREAMS, texts)
    yield "a stream with pages in pages", _watching(1, nested)
    yield "replays", _replaying({})
    yield "replays of a filtered list", _replaying({"text": "no such text"})
    yield f"a burst beside {STREAMS} filtered streams", _burst(_change_items)
    yield f"an import beside {STREAMS} filtered streams", _burst(_importer(database_url))
    yield f"{LOGINS} log-ins", _log_in


def _watching(streams: int, selection: str) -> Attack:
    """Return an attack by so many streams with the largest selection that is accepted, and writes one by one."""

    async def attack(target: Target, seconds: float) -> Taken:
        size = await _largest(target, streams, selection)
        taken = Taken()
        async with _open(target, _events(streams, selection.format(size)), taken), _client(target) as client:
            # Only what follows counts, and not how the largest was found.
            await target.bystander.waits()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await _send(client, target, rest("POST", "/items", {"title": "t"}), taken)
        return taken

    return attack


async def _largest(target: Target, streams: int, selection: str) -> int:
    least, most = 0, 101
    while most - least > 1:
        middle = (least + most) // 2
        try:
            async with _open(target, _events(streams, selection.format(middle)), Taken()):
                least = middle
        except RefusedError:
            most = middle
    return least


def _events(streams: int, selection: str) -> Sequence[str]:
    """Return subscriptions of which no two can share an execution."""
    return [
        f"subscription($w: UUID!) {{ a{n}: changes(workspaceId: $w) {{ seq item {{ workspace {{ {selection} }} }} }} }}"
        for n in range(streams)
    ]


def _replaying(where: dict[str, str]) -> Attack:
    """Return an attack by streams of every kind that begin at the beginning, again and again."""
    name, argument = ("itemChanges", ", $f: ItemFilter") if where else ("changes", "")
    given = ", filter: $f" if where else ""
    document = f"subscription($w: UUID!{argument}) {{ {name}(workspaceId: $w, after: 0{given}) {{ seq kind item {{ title description }} }} }}"

    async def attack(target: Target, seconds: float) -> Taken:
        taken, until = Taken(), time.monotonic() + seconds
        variables = {"w": str(target.attacker.workspace), **({"f": where} if where else {})}
        query = "".join(f"&{key}={value}" for key, value in where.items())
        resume = Request("GET", f"/api/workspaces/{target.attacker.workspace}/changes/stream?after=0{query}")
        requests = [resume, graphql(document, variables)]

        async def over_http(request: Request, client: httpx.AsyncClient) -> None:
            headers = {"Authorization": f"Bearer {target.attacker.token}", "Accept": "text/event-stream"}
            headers["Content-Type"] = "application/json"
            with suppress(TimeoutError, httpx.HTTPError):
                async with (
                    asyncio.timeout(REPLAY_SECONDS),
                    client.stream(request.method, request.path, content=request.body, headers=headers) as answer,
                ):
                    async for part in answer.aiter_raw():
                        taken.sizes.append(len(part))

        async def over_socket() -> None:
            async with _open(target, [document] * REPLAYS, taken, variables):
                await asyncio.sleep(REPLAY_SECONDS)

        async def again(replay: Callable[[], Coroutine[Any, Any, None]]) -> None:
            while time.monotonic() < until:
                begin = time.perf_counter()
                await replay()
                taken.times.append(time.perf_counter() - begin)

        async with _client(target) as client:
            replays = [again(partial(over_http, request, client)) for request in requests for _ in range(REPLAYS)]
            await asyncio.gather(again(over_socket), *replays)
        return taken

    return attack


def _burst(write: Callable[[Target, Taken, float], Coroutine[Any, Any, None]]) -> Attack:
    """Return an attack by many filtered streams of which no two look for the same, and many changes at once."""
    document = "subscription($w: UUID!, $f: ItemFilter) { itemChanges(workspaceId: $w, filter: $f) { seq effect item { id } } }"

    async def attack(target: Target, seconds: float) -> Taken:
        taken, workspace = Taken(), str(target.attacker.workspace)
        filters = [{"w": workspace, "f": {"text": f"no such text {n}"}} for n in range(STREAMS)]
        async with _open(target, [document] * STREAMS, taken, *filters):
            await target.bystander.waits()
            until = time.monotonic() + seconds
            await write(target, taken, until)
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        return taken

    return attack


async def _change_items(target: Target, taken: Taken, until: float) -> None:
    """Change items with long texts, many in each request, as long as there is time."""
    async with _client(target) as client:
        listing = Request("GET", f"/api/items?limit={IN_ONE_REQUEST}&sort=created")
        ids = [item["id"] for item in (await listing.send(client, target.attacker.token)).json()["data"]]
        for number in range(BURST // IN_ONE_REQUEST):
            if time.monotonic() > until:
                break
            changes = (
                f'm{index}: updateItem(id: "{identity}", input: {{priority: {number % 4}}}) {{ id }}'
                for index, identity in enumerate(ids)
            )
            await _send(client, target, graphql("mutation {" + " ".join(changes) + "}"), taken)


def _importer(database_url: str) -> Callable[[Target, Taken, float], Coroutine[Any, Any, None]]:
    """Return what writes items with long texts as an import does, from a process of its own."""

    async def write(target: Target, taken: Taken, _until: float) -> None:
        database, begin = Database(database_url), time.perf_counter()
        try:
            await write_items(database, target.attacker, BURST, text=LONG_TEXT)
        finally:
            await database.dispose()
        taken.times.append(time.perf_counter() - begin)

    return write


async def _log_in(target: Target, seconds: float) -> Taken:
    """Log in many times at once, with right and wrong passwords in turn, and again as soon as all are answered."""
    taken, until = Taken(), time.monotonic() + seconds
    async with _client(target) as client:
        while time.monotonic() < until:
            passwords = (PASSWORD if n % 2 else f"Wrong horse {n}" for n in range(LOGINS))
            logins = (rest("POST", "/auth/login", {"email": "mallory@example.com", "password": p}) for p in passwords)
            await asyncio.gather(*(_send(client, target, login, taken) for login in logins))
    return taken


def _client(target: Target) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=target.url, timeout=120, limits=httpx.Limits(max_connections=LOGINS))


async def _send(client: httpx.AsyncClient, target: Target, request: Request, taken: Taken) -> None:
    begin = time.perf_counter()
    answer = await request.send(client, target.attacker.token)
    taken.times.append(time.perf_counter() - begin)
    taken.sizes.append(len(answer.content))


@asynccontextmanager
async def _open(
    target: Target, documents: Sequence[str], taken: Taken, *variables: dict[str, Any]
) -> AsyncIterator[None]:
    """Open a subscription for each document, and take whatever they tell for the length of the block.

    Variables are those of each, or one for all. Streams that begin now are live when the block begins.

    Raises:
        RefusedError: one of them is not accepted.
    """
    given = variables or ({"w": str(target.attacker.workspace)},)
    payloads = [
        {"query": document, "variables": given[number % len(given)]} for number, document in enumerate(documents)
    ]
    async with AsyncExitStack() as stack:
        readers = []
        for start in range(0, len(payloads), ON_A_SOCKET):
            socket = await stack.enter_async_context(_socket(target))
            for number, payload in enumerate(payloads[start : start + ON_A_SOCKET]):
                await socket.send(json.dumps({"type": "subscribe", "id": f"{number}", "payload": payload}))
                first = json.loads(await socket.recv())
                if first["type"] != "next" or "errors" in first["payload"]:
                    raise RefusedError(first)
            readers.append(asyncio.create_task(_drain(socket, taken)))
        try:
            yield
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


async def _drain(socket: ClientConnection, taken: Taken) -> None:
    with suppress(ConnectionClosed):
        async for message in socket:
            taken.sizes.append(len(message))


@asynccontextmanager
async def _socket(target: Target) -> AsyncIterator[ClientConnection]:
    address = target.url.replace("http", "ws", 1) + "/graphql"
    options: dict[str, Any] = {"proxy": None, "max_size": None, "compression": None, "close_timeout": 0.1}
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], **options) as socket:
        token = {"Authorization": f"Bearer {target.attacker.token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": token}))
        await socket.recv()
        yield socket
