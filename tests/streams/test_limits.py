"""Limits of sockets: each has its own close code, and others go on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.chaos.waiting import until
from tests.conftest import AppFactory
from tests.doors.people import Person, World, make_world
from tests.streams.crowds import KINDS, Place, small_window, subscribed, write_items
from tests.streams.transport import CHANGES, TRANSPORTS, Stream, StreamEnd, receive, send, served, socket, watching
from tests.streams.writing import add_item

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PROTOCOL = Subprotocol("graphql-transport-ws")

LIMITS: dict[str, Any] = {
    "streams_max_per_user": 4,
    "socket_max_subscriptions": 2,
    "socket_max_per_user": 2,
    "socket_init_seconds": 0.5,
    "body_limit_bytes": 4096,
    "cors_origins": ["https://friend.test"],
}


@pytest.fixture
async def limited(make_app: AppFactory) -> FastAPI:
    app: FastAPI = await make_app(**LIMITS)
    return app


@pytest.fixture
async def url(limited: FastAPI) -> AsyncIterator[str]:
    async with served(limited) as url:
        yield url


@pytest.fixture
async def world(limited: FastAPI) -> World:
    return await make_world(limited)


def address(url: str) -> str:
    return url.replace("http", "ws", 1) + "/graphql"


async def closed(connection: Any) -> str:
    """Return the code with which the server closes the socket, whatever it says before."""
    while True:
        try:
            await receive(connection)
        except StreamEnd as end:
            return end.code


def subscription(world: World) -> dict[str, Any]:
    return {"query": CHANGES, "variables": {"w": str(world.workspace)}}


@asynccontextmanager
async def watching_twice(url: str, world: World) -> AsyncIterator[ClientConnection]:
    """Open a socket with as many subscriptions as it may have, `1` and `2`; both are live."""
    async with socket(url, world.viewer.token) as connection:
        assert await receive(connection) == {"type": "connection_ack"}
        for number in ("1", "2"):
            await send(connection, type="subscribe", id=number, payload=subscription(world))
            assert (await receive(connection))["id"] == number
        yield connection


async def test_one_subscription_too_many_is_refused_and_the_others_go_on(
    limited: FastAPI, world: World, url: str
) -> None:
    async with watching_twice(url, world) as connection:
        # One that ended makes room.
        await send(connection, type="complete", id="1")
        await send(connection, type="subscribe", id="3", payload=subscription(world))
        assert (await receive(connection))["id"] == "3"
        await send(connection, type="subscribe", id="4", payload=subscription(world))
        refused = await receive(connection)
        assert (refused["id"], refused["type"]) == ("4", "error")
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await add_item(limited, world)
        assert {(await receive(connection))["id"] for _ in range(2)} == {"2", "3"}
    await nothing_is_kept(limited)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_takes_nothing_any_more_is_given_up(make_app: AppFactory, kind: str) -> None:
    app = await make_app(socket_ping_seconds=0.5)
    world = await make_world(app)
    async with served(app) as url:
        place = Place(url, world.workspace, world.viewer.token, world.editor.actor)
        async with subscribed(kind, place) as stalled:
            await stalled.next()
            # More than the system itself takes for a client that reads nothing.
            await write_items(app.state.database, place, 600, text="x" * 20_000)
            await nothing_is_kept(app)


async def test_a_client_that_reads_slowly_gets_all_of_a_long_answer(make_app: AppFactory) -> None:
    app = await make_app(socket_ping_seconds=0.2, answer_max_bytes=16 * 1024 * 1024)
    world = await make_world(app)
    for _ in range(90):
        await add_item(app, world, description="🌱" * 20_000)
    async with served(app) as url, asyncio.timeout(30):
        place = Place(url, world.workspace, world.viewer.token, world.editor.actor)
        reader, writer = await asyncio.open_connection(sock=await small_window(url))
        line = f"GET /api/items?workspace_id={place.workspace}&limit=100 HTTP/1.1"
        writer.write(f"{line}\r\nHost: x\r\nAuthorization: Bearer {place.token}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        left = int(head.split("content-length: ")[1].split("\r\n")[0])
        assert left > 7_000_000
        while left:
            # A slow wire, and no wait for anything.
            await asyncio.sleep(0.01)
            part = await reader.read(min(left, 32_768))
            assert part, f"cut off with {left} bytes to go"
            left -= len(part)
        writer.close()


async def nothing_is_kept(app: FastAPI) -> None:
    """Wait until the streams of the closed sockets are gone."""

    async def empty() -> bool:
        return not app.state.hub.channels

    await until(empty)


async def test_one_socket_too_many_of_a_user_is_closed_and_others_go_on(world: World, url: str) -> None:
    async with AsyncExitStack() as stack:
        mine = [await stack.enter_async_context(socket(url, world.viewer.token)) for _ in range(2)]
        assert [await receive(connection) for connection in mine] == [{"type": "connection_ack"}] * 2
        third = await stack.enter_async_context(socket(url, world.viewer.token))
        assert await closed(third) == "4429"
        other = await stack.enter_async_context(socket(url, world.editor.token))
        assert await receive(other) == {"type": "connection_ack"}
        await mine[0].close()
        # The server may not have heard of the close yet.
        await until(lambda: admitted(url, world))


async def test_who_did_not_sign_in_counts_as_one_user(world: World, url: str) -> None:
    async with socket(url, None) as first, socket(url, None) as second, socket(url, None) as third:
        assert [await receive(connection) for connection in (first, second)] == [{"type": "connection_ack"}] * 2
        assert await closed(third) == "4429"
        async with socket(url, world.viewer.token) as mine:
            assert await receive(mine) == {"type": "connection_ack"}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_one_stream_too_many_of_a_user_is_refused_over_every_transport_and_others_go_on(
    limited: FastAPI, world: World, url: str, transport: str
) -> None:
    def watch(person: Person) -> AbstractAsyncContextManager[Stream]:
        return watching(transport, url, person.token, world.workspace)

    async with AsyncExitStack() as stack:
        for other in ("rest_sse", "graphql_sse"):
            for _ in range(2):
                mine = watching(other, url, world.viewer.token, world.workspace)
                assert (await (await stack.enter_async_context(mine)).next()).kind == "ready"
        async with watch(world.viewer) as fifth:
            end = await fifth.end()
        assert (end.code, end.details) == ("RATE_LIMITED", {"most": 4})
        async with watch(world.editor) as somebodys:
            assert (await somebodys.next()).kind == "ready"
    await nothing_is_kept(limited)
    async with watch(world.viewer) as stream:
        assert (await stream.next()).kind == "ready"


async def test_a_burst_of_queries_waits_for_its_turn_and_leaves_the_subscriptions_alone(
    limited: FastAPI, world: World, url: str
) -> None:
    async with watching_twice(url, world) as connection:
        queries = {f"query {number}" for number in range(20)}
        for name in queries:
            await send(connection, type="subscribe", id=name, payload={"query": "{ me { email } }"})
        answers = [await receive(connection) for _ in range(40)]
        assert {answer["id"] for answer in answers if answer["type"] == "complete"} == queries
        await add_item(limited, world)
        assert {(await receive(connection))["id"] for _ in range(2)} == {"1", "2"}


async def test_a_socket_that_serves_nobody_for_nothing_is_closed(world: World, url: str) -> None:
    async with socket(url, None) as nobodys, socket(url, "no token") as also, socket(url, world.viewer.token) as mine:
        for connection in (nobodys, also, mine):
            assert await receive(connection) == {"type": "connection_ack"}
        assert [await closed(connection) for connection in (nobodys, also)] == ["4403"] * 2
        await send(mine, type="ping")
        assert await receive(mine) == {"type": "pong"}


async def admitted(url: str, world: World) -> bool:
    """Return whether the viewer gets one more socket."""
    async with socket(url, world.viewer.token) as connection:
        try:
            return await receive(connection) == {"type": "connection_ack"}
        except StreamEnd:
            return False


async def test_who_stays_silent_at_first_is_closed(world: World, url: str) -> None:
    async with connect(address(url), subprotocols=[PROTOCOL], proxy=None) as connection:
        assert await closed(connection) == "4408"


async def test_a_message_too_large_closes_the_socket(world: World, url: str) -> None:
    async with socket(url, world.viewer.token) as connection:
        assert await receive(connection) == {"type": "connection_ack"}
        await send(connection, type="subscribe", id="1", payload={"query": "{ __typename }" + " " * 4096})
        assert await closed(connection) == "1009"


async def test_foreign_origins_are_refused_in_the_handshake(world: World, url: str) -> None:
    for origin in ("https://elsewhere.test", "null"):
        with pytest.raises(InvalidStatus) as caught:
            async with socket(url, world.viewer.token, origin=Origin(origin)):
                pass
        assert caught.value.response.status_code == 403
    for origin in ("https://friend.test", url):
        async with socket(url, world.viewer.token, origin=Origin(origin)) as connection:
            assert await receive(connection) == {"type": "connection_ack"}


async def test_a_ping_is_answered_on_an_idle_socket(world: World, url: str) -> None:
    async with socket(url, world.viewer.token) as connection:
        await receive(connection)
        await send(connection, type="ping")
        assert await receive(connection) == {"type": "pong"}
