"""Streams over every transport behind one interface: a test says what to watch, and the events have one shape."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from api.server.http_connections import protocols
from tests.live import NO_CERTIFICATES

TRANSPORTS = ("socket", "graphql_sse", "rest_sse")
GRAPHQL_TRANSPORTS = ("socket", "graphql_sse")

PATIENCE_SECONDS = 15
"""How long a test waits for what must come; nothing is measured by it."""

CHANGES = """subscription($w: UUID!, $after: BigInt) {
  changes(workspaceId: $w, after: $after) { seq kind entityId item { title } }
}"""
ITEM_CHANGES = """subscription($w: UUID!, $after: BigInt, $filter: ItemFilter) {
  itemChanges(workspaceId: $w, after: $after, filter: $filter) { seq kind effect itemId item { title } }
}"""


class StreamEnd(Exception):  # noqa: N818 - it is an end, and not always an error
    """How a stream ended, or that it was refused: the code of the catalogue, or a word of the transport."""

    def __init__(self, code: str, message: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message} {details}")
        self.code = code
        self.message = message
        self.details = dict(details or {})


@dataclass(frozen=True)
class Event:
    """What every transport tells about a change, in REST's words."""

    seq: int
    kind: str
    entity_id: str | None = None
    effect: str | None = None
    title: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


class Stream:
    """The subscriber's end."""

    def __init__(self, source: AsyncGenerator[dict[str, Any], None], shape: Callable[[dict[str, Any]], Event]) -> None:
        self.source = source
        self._shape = shape

    async def next(self) -> Event:
        """Wait for the next event.

        Raises:
            StreamEnd: there is none, as the stream was refused or ended.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            return self._shape(await anext(self.source))

    async def until(self, seq: int) -> Sequence[Event]:
        """Collect events up to this number."""
        events = [await self.next()]
        while events[-1].seq < seq:
            events.append(await self.next())
        return events

    async def end(self) -> StreamEnd:
        """Wait for the end, before which nothing may come, and after which nothing comes."""
        try:
            event = await self.next()
        except StreamEnd as end:
            return end
        raise AssertionError(f"the stream goes on with {event}")


@asynccontextmanager
async def watching(
    transport: str,
    url: str,
    token: str | None,
    workspace: UUID,
    *,
    after: int | None = None,
    where: Mapping[str, Any] | None = None,
) -> AsyncIterator[Stream]:
    """Watch all changes of a workspace, or those of a filtered list of its items, for the length of the block."""
    if transport == "rest_sse":
        path = f"/api/workspaces/{workspace}/changes/stream"
        query = {key: value for key, value in {**(where or {}), "after": after}.items() if value is not None}
        stream = Stream(over_rest(url, token, path, query), _from_rest)
    else:
        variables: dict[str, Any] = {"w": str(workspace), "after": after}
        if where is not None:
            variables["filter"] = {_camel(key): _upper(value) for key, value in where.items()}
        open_ = over_socket if transport == "socket" else over_graphql_sse
        document = ITEM_CHANGES if where is not None else CHANGES
        stream = Stream(open_(url, token, document, variables), _from_graphql)
    async with aclosing(stream.source):
        yield stream


@asynccontextmanager
async def subscribed(
    transport: str, url: str, token: str | None, document: str, **variables: Any
) -> AsyncIterator[Stream]:
    """Subscribe with a document of one's own."""
    open_ = over_socket if transport == "socket" else over_graphql_sse
    source = open_(url, token, document, variables)
    async with aclosing(source):
        yield Stream(source, _from_graphql)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application of this process on a port of its own; give its address."""
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        **protocols(app.state.settings.connection_limits),
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        ws_max_size=app.state.settings.body_limit_bytes,
        ws_ping_interval=app.state.settings.socket_ping_seconds,
        ws_ping_timeout=app.state.settings.socket_ping_seconds,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def socket(url: str, token: str | None, **options: Any) -> AsyncIterator[ClientConnection]:
    """Open a socket and say who asks; what it answers is the caller's to read."""
    address = url.replace("http", "ws", 1) + "/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(address, subprotocols=[protocol], proxy=None, **options) as connection:
        payload = {"Authorization": f"Bearer {token}"} if token else {}
        await send(connection, type="connection_init", payload=payload)
        yield connection


async def send(connection: ClientConnection, **message: Any) -> None:
    """Send a message of graphql-transport-ws."""
    await connection.send(json.dumps(message))


async def receive(connection: ClientConnection) -> dict[str, Any]:
    """Return the next message of graphql-transport-ws.

    Raises:
        StreamEnd: the socket was closed; its code is the number in the close frame.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            message: dict[str, Any] = json.loads(await connection.recv())
        except ConnectionClosed as closed:
            raise StreamEnd(str(closed.rcvd.code if closed.rcvd else "cut")) from None
    return message


async def over_socket(
    url: str, token: str | None, document: str, variables: Mapping[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """Subscribe over graphql-transport-ws."""
    async with socket(url, token) as connection:
        assert (await receive(connection))["type"] == "connection_ack"
        await send(connection, type="subscribe", id="1", payload={"query": document, "variables": variables})
        while True:
            message = await receive(connection)
            if message["type"] == "complete":
                raise StreamEnd("complete")
            if message["type"] == "error":
                raise _end_of({"errors": message["payload"]})
            if message["payload"].get("errors"):
                # The reason of an end is the last thing a subscription says.
                assert (await receive(connection)) == {"id": "1", "type": "complete"}
                raise _end_of(message["payload"])
            yield message["payload"]["data"]


async def over_graphql_sse(
    url: str, token: str | None, document: str, variables: Mapping[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """Subscribe over GraphQL's Server-Sent Events."""
    headers = _authorization(token) | {"Accept": "text/event-stream"}
    body = {"query": document, "variables": variables}
    async with _client(url) as client, client.stream("POST", "/graphql", json=body, headers=headers) as response:
        if response.headers["content-type"].startswith("application/json"):
            raise _end_of(json.loads(await response.aread()))
        reason: StreamEnd | None = None
        async for message in sse_messages(response):
            if message.get("event") == "complete":
                raise reason or StreamEnd("complete")
            assert reason is None, message
            if message.get("event") == "next":
                payload = json.loads(message["data"])
                if payload.get("errors"):
                    reason = _end_of(payload)
                else:
                    yield payload["data"]
        raise StreamEnd("cut")


async def over_rest(
    url: str, token: str | None, path: str, query: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> AsyncGenerator[dict[str, Any], None]:
    """Watch over REST's Server-Sent Events; each message keeps its `id`, `event` and `data`."""
    sent = {**_authorization(token), **(headers or {})}
    async with _client(url) as client, client.stream("GET", path, params=query, headers=sent) as response:
        if response.is_error:
            assert response.headers["content-type"] == "application/problem+json"
            error = json.loads(await response.aread())["error"]
            raise StreamEnd(error["code"], error["message"], error["details"])
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        reason: StreamEnd | None = None
        async for message in sse_messages(response):
            assert reason is None, message
            if message.get("event") == "error":
                error = json.loads(message["data"])
                reason = StreamEnd(error["code"], error["message"], error["details"])
            elif "event" in message:
                yield {**message, "data": json.loads(message["data"])}
        raise reason or StreamEnd("cut")


async def sse_messages(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Parse Server-Sent Events (HTML standard, section 9.2); a comment is a field without a name."""
    message: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        if line:
            message[name] = value.removeprefix(" ")
        elif message:
            yield message
            message = {}


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=url, timeout=httpx.Timeout(PATIENCE_SECONDS))


def _authorization(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _end_of(payload: Mapping[str, Any]) -> StreamEnd:
    error = payload["errors"][0]
    return StreamEnd(error["extensions"]["code"], error["message"], error["extensions"]["details"])


def _from_graphql(data: dict[str, Any]) -> Event:
    [event] = data.values()
    effect = event.get("effect")
    return Event(
        event["seq"],
        event["kind"].lower(),
        event.get("entityId", event.get("itemId")),
        effect.lower() if effect else None,
        (event.get("item") or {}).get("title"),
        event,
    )


def _from_rest(message: dict[str, Any]) -> Event:
    data = message["data"]
    assert message["id"] == str(data["seq"])
    shown = data.get("item") or data.get("state") or {}
    entity_id = data.get("entity_id", data.get("item_id"))
    return Event(data["seq"], message["event"], entity_id, data.get("effect"), shown.get("title"), message)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _upper(value: Any) -> Any:
    return [part.upper() for part in value] if isinstance(value, list) else value
