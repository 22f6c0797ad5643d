"""The Python package `gql` over a websocket, and which origins may open one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from gql import Client, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.websockets import WebsocketsTransport

from tests.clients.caller import calling_anew
from tests.clients.conftest import APP
from tests.live import LiveServer

PATIENCE_SECONDS = 10

CHANGES = """subscription ($workspace: UUID!, $after: BigInt) {
  changes(workspaceId: $workspace, after: $after) { seq kind item { title } }
}"""
WHO_AM_I = "{ me { email } }"


@asynccontextmanager
async def connected(server: LiveServer, token: str, origin: str | None = None) -> AsyncIterator[AsyncClientSession]:
    """Give a session over a websocket, opened by a page of that origin."""
    transport = WebsocketsTransport(
        f"{server.url.replace('http', 'ws')}/graphql",
        headers={"Origin": origin} if origin else None,
        init_payload={"Authorization": f"Bearer {token}"},
    )
    async with asyncio.timeout(PATIENCE_SECONDS), Client(transport=transport) as session:
        yield session


async def events(session: AsyncClientSession, count: int, **variables: Any) -> list[tuple[Any, ...]]:
    """Return the number, kind and title of the next events of a workspace."""
    found: list[tuple[Any, ...]] = []
    request = gql(CHANGES)
    request.variable_values = variables
    async with aclosing(session.subscribe(request)) as results:
        async for result in results:
            event = result["changes"]
            found.append((event["seq"], event["kind"], (event["item"] or {}).get("title")))
            if len(found) == count:
                break
    return found


async def test_gql_subscribes_and_queries_over_one_socket(shared_server: LiveServer) -> None:
    async with calling_anew(shared_server) as caller, connected(shared_server, caller.token) as session:
        start = await caller.seq()
        await caller.create_items("Rake")
        following = asyncio.create_task(events(session, 2, workspace=caller.workspace, after=start))
        assert await session.execute(gql(WHO_AM_I)) == {"me": {"email": caller.email}}
        await caller.create_items("Spade")
        assert await following == [(start + 1, "CREATED", "Rake"), (start + 2, "CREATED", "Spade")]
        assert await events(session, 1, workspace=caller.workspace) == [(start + 2, "READY", None)]


async def test_gql_is_told_why_it_may_not_watch(shared_server: LiveServer) -> None:
    async with calling_anew(shared_server) as caller, connected(shared_server, "not a token") as session:
        with pytest.raises(TransportQueryError) as refusal:
            await events(session, 1, workspace=caller.workspace)
    assert refusal.value.errors is not None
    assert [error["extensions"]["code"] for error in refusal.value.errors] == ["UNAUTHENTICATED"]


async def test_pages_of_our_own_and_of_listed_origins_open_a_socket(shared_server: LiveServer) -> None:
    async with calling_anew(shared_server) as caller:
        for origin in (APP, shared_server.url, None):
            async with connected(shared_server, caller.token, origin) as session:
                assert await session.execute(gql(WHO_AM_I)) == {"me": {"email": caller.email}}


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", f"{APP}.evil.example", APP.replace("https", "http"), f"{APP}:8443", "null"],
)
async def test_pages_of_other_origins_are_refused_at_the_handshake(shared_server: LiveServer, origin: str) -> None:
    async with calling_anew(shared_server) as caller:
        with pytest.raises(TransportConnectionFailed) as refusal:
            async with connected(shared_server, caller.token, origin):
                pass
    assert "HTTP 403" in str(refusal.value.__cause__)
