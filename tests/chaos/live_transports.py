"""Four ways to follow the log of a workspace, each as a generator of entries."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

POLL_SECONDS = 1.0
SUBSCRIPTION = """
subscription($workspace: UUID!, $after: BigInt) {
  changes(workspaceId: $workspace, after: $after) { seq kind entity entityId version }
}
"""


class Entry(NamedTuple):
    """One change as every transport tells it."""

    seq: int
    kind: str
    entity: str
    entity_id: str
    version: int


@dataclass(frozen=True)
class Place:
    """Where a client listens, and after which number; `choice` picks between equal ways of doing so."""

    client: httpx.AsyncClient
    token: str
    workspace: str
    url: str = ""
    after: int = 0
    choice: int = 0

    def at(self, url: str, after: int, source: random.Random) -> "Place":
        """Return the place to go on at."""
        return replace(self, url=url, after=after, choice=source.randrange(100))

    @property
    def headers(self) -> dict[str, str]:
        """Who asks."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def operation(self) -> dict[str, Any]:
        """The subscription of both GraphQL transports."""
        return {"query": SUBSCRIPTION, "variables": {"workspace": self.workspace, "after": self.after}}


async def by_websocket(place: Place) -> AsyncGenerator[Entry, None]:
    """Subscribe over graphql-transport-ws."""
    address = place.url.replace("http", "ws", 1) + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], ping_interval=None) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": place.headers}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": place.operation}))
        try:
            async for text in socket:
                message = json.loads(text)
                assert message["type"] == "next", message
                yield _from_graphql(message["payload"])
        except GeneratorExit:
            if place.choice % 2:
                # Without a good-bye, as when a cable is pulled.
                socket.transport.abort()
            raise


async def by_graphql_sse(place: Place) -> AsyncGenerator[Entry, None]:
    """Subscribe over GraphQL's distinct connections of Server-Sent Events."""
    headers = {**place.headers, "Accept": "text/event-stream"}
    request = place.client.stream("POST", f"{place.url}/graphql", json=place.operation, headers=headers)
    async with request as response, aclosing(_server_sent(response)) as events:
        async for event in events:
            assert event["event"] == "next", event
            yield _from_graphql(json.loads(event["data"]))


async def by_rest_sse(place: Place) -> AsyncGenerator[Entry, None]:
    """Follow the stream of the REST door, resuming by header or by query."""
    headers, query = dict(place.headers), {}
    if place.choice % 2:
        headers["Last-Event-ID"] = str(place.after)
    else:
        query["after"] = place.after
    address = f"{place.url}/api/workspaces/{place.workspace}/changes/stream"
    request = place.client.stream("GET", address, headers=headers, params=query)
    async with request as response, aclosing(_server_sent(response)) as events:
        async for event in events:
            entry = _from_rest(json.loads(event["data"]))
            assert (event["id"], event["event"]) == (str(entry.seq), entry.kind)
            yield entry


async def by_polling(place: Place) -> AsyncGenerator[Entry, None]:
    """Ask for page after page, and after the last one rest for a moment, as whoever polls does."""
    address = f"{place.url}/api/workspaces/{place.workspace}/changes"
    after = place.after
    while True:
        limit = 1 + place.choice
        query = {"after": after, "limit": limit}
        response = await place.client.get(address, params=query, headers=place.headers)
        assert response.status_code == httpx.codes.OK, response.text
        page = response.json()["data"]
        for change in page:
            yield _from_rest(change)
            after = change["seq"]
        if len(page) < limit:
            await asyncio.sleep(POLL_SECONDS)


TRANSPORTS = {
    "websocket": by_websocket,
    "GraphQL SSE": by_graphql_sse,
    "REST SSE": by_rest_sse,
    "polling": by_polling,
}


async def _server_sent(response: httpx.Response) -> AsyncGenerator[dict[str, str], None]:
    """Yield the fields of each event that has data; comments and `retry:` alone are none."""
    if response.status_code != httpx.codes.OK:
        raise AssertionError((await response.aread()).decode())
    event: dict[str, str] = {}
    lines: AsyncIterator[str] = response.aiter_lines()
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")
            continue
        if event.get("data"):
            yield event
        event = {}


def _from_graphql(result: dict[str, Any]) -> Entry:
    assert "errors" not in result, result
    change = result["data"]["changes"]
    return Entry(change["seq"], change["kind"].lower(), change["entity"].lower(), change["entityId"], change["version"])


def _from_rest(change: dict[str, Any]) -> Entry:
    return Entry(change["seq"], change["kind"], change["entity"], change["entity_id"], change["version"])
