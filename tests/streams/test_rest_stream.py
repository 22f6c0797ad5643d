"""REST's change stream: Server-Sent Events as a browser's `EventSource` reads them, with tickets for it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import fastapi.routing
import httpx
import pytest
from fastapi import FastAPI

from api.core.tokens import Tokens
from api.schemas.items import ItemUpdate
from api.services.items import update_item
from db.models import ItemStatus
from tests.chaos.waiting import until
from tests.conftest import client_of
from tests.doors.people import World
from tests.live import NO_CERTIFICATES
from tests.streams.transport import PATIENCE_SECONDS, StreamEnd, over_rest, served, sse_messages
from tests.streams.writing import add_item, last_seq, write

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


def address(world: World) -> str:
    return f"/api/workspaces/{world.workspace}/changes/stream"


@asynccontextmanager
async def messages(url: str, path: str, token: str, **query: Any) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """Give the messages of a stream as they are on the wire."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=url, timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", path, params=query, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-cache"
        yield sse_messages(response)


async def seqs(
    url: str,
    world: World,
    number: int,
    query: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    *,
    signed_in: bool = True,
) -> list[int]:
    """Return the numbers of the first events."""
    token = world.viewer.token if signed_in else None
    source = over_rest(url, token, address(world), query, headers)
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(source):
        return [int((await anext(source))["id"]) for _ in range(number)]


async def test_it_begins_with_a_retry_and_sends_a_comment_while_nothing_happens(
    app: FastAPI, world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", 0.05)
    async with asyncio.timeout(PATIENCE_SECONDS), messages(url, address(world), world.viewer.token) as stream:
        first, ready, beat = [await anext(stream) for _ in range(3)]
        assert first == {"": "live", "retry": "1000"}
        begin = await last_seq(app, world)
        assert ready == {"event": "ready", "id": str(begin), "data": f'{{"seq": {begin}}}'}
        assert beat == {"": "ping"}
        await add_item(app, world)
        while (message := await anext(stream)) == {"": "ping"}:
            continue
    assert (message["event"], message["id"]) == ("created", str(begin + 1))


async def test_the_data_is_the_change_as_list_changes_tells_it(
    app: FastAPI, world: World, url: str, client: httpx.AsyncClient
) -> None:
    await add_item(app, world)
    end = await last_seq(app, world)
    source = over_rest(url, world.viewer.token, address(world), {"after": 0})
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(source):
        streamed = [(await anext(source))["data"] for _ in range(end)]
    headers = {"Authorization": f"Bearer {world.viewer.token}"}
    listed = await client.get(f"/api/workspaces/{world.workspace}/changes", headers=headers)
    assert streamed == listed.json()["data"]


async def test_a_filter_parameter_makes_it_a_view_and_of_what_left_only_the_id_is_told(
    app: FastAPI, world: World, url: str
) -> None:
    begin = await last_seq(app, world)
    item = await add_item(app, world, tags=["a"])
    await add_item(app, world, "Other", tags=["b"])
    done = ItemUpdate(status=ItemStatus.DONE, title="Secret")
    await write(app, update_item, world.editor.actor, item.id, done)
    query = {"after": begin, "status": ["open"], "tag": "a"}
    source = over_rest(url, world.viewer.token, address(world), query)
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(source):
        entered, left = [(await anext(source))["data"] for _ in range(2)]
    assert (entered["effect"], entered["item"]["title"], entered["changed"]) == ("entered", "Buy seeds", {})
    assert {key: value for key, value in left.items() if key != "at"} == {
        "seq": begin + 3,
        "actor_id": str(world.editor.id),
        "kind": "updated",
        "effect": "left",
        "item_id": str(item.id),
        "item": None,
        "changed": None,
    }


async def test_a_view_of_what_nobody_does_loses_what_somebody_takes(app: FastAPI, world: World, url: str) -> None:
    begin = await last_seq(app, world)
    item = await add_item(app, world)
    for assignee in (world.viewer.id, None):
        await write(app, update_item, world.editor.actor, item.id, ItemUpdate(assignee_id=assignee))
    source = over_rest(url, world.viewer.token, address(world), {"after": begin, "assignee_id": "none"})
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(source):
        assert [(await anext(source))["data"]["effect"] for _ in range(3)] == ["entered", "left", "entered"]


async def test_the_last_event_id_wins_over_after(app: FastAPI, world: World, url: str) -> None:
    assert await seqs(url, world, 2, {"after": 0}) == [1, 2]
    assert await seqs(url, world, 2, {"after": 0}, {"Last-Event-ID": "2"}) == [3, 4]
    assert await seqs(url, world, 2, {}, {"Last-Event-ID": "1"}) == [2, 3]
    assert await seqs(url, world, 1, {"after": 3}, {"Last-Event-ID": ""}) == [4]


async def test_refusals_are_ordinary_problems(app: FastAPI, world: World, client: httpx.AsyncClient) -> None:
    end = await last_seq(app, world)
    viewer, stranger = [{"Authorization": f"Bearer {person.token}"} for person in (world.viewer, world.stranger)]
    cases: list[tuple[dict[str, str], dict[str, Any], int, str]] = [
        (viewer | {"Last-Event-ID": "x"}, {}, 400, "BAD_REQUEST"),
        (viewer | {"Last-Event-ID": "-1"}, {"after": 0}, 400, "BAD_REQUEST"),
        (viewer | {"Last-Event-ID": "9" * 17}, {}, 400, "BAD_REQUEST"),
        (viewer | {"Last-Event-ID": str(end + 1)}, {}, 400, "BAD_REQUEST"),
        (viewer, {"after": end + 1}, 400, "BAD_REQUEST"),
        (viewer, {"after": "x"}, 422, "VALIDATION_ERROR"),
        (viewer, {"after": -1}, 422, "VALIDATION_ERROR"),
        (viewer, {"status": "nope"}, 422, "VALIDATION_ERROR"),
        (viewer, {"nonsense": "1"}, 422, "VALIDATION_ERROR"),
        (stranger, {}, 404, "NOT_FOUND"),
        (stranger, {"after": end + 1}, 404, "NOT_FOUND"),
        ({}, {}, 401, "UNAUTHENTICATED"),
        ({"Authorization": "Bearer x"}, {}, 401, "UNAUTHENTICATED"),
        ({}, {"ticket": "x"}, 401, "UNAUTHENTICATED"),
    ]
    for headers, query, status, code in cases:
        response = await client.get(address(world), params=query, headers=headers)
        assert response.headers["content-type"] == "application/problem+json", query
        assert (response.status_code, response.json()["error"]["code"]) == (status, code), (headers, query)
    assert app.state.hub.channels == {}


async def ticket_for(client: httpx.AsyncClient, world: World, token: str | None = None) -> Any:
    response = await client.post(
        "/api/auth/stream-ticket",
        json={"workspace_id": str(world.workspace)},
        headers={"Authorization": f"Bearer {token or world.viewer.token}"},
    )
    assert response.status_code == 200
    return response.json()


async def test_a_ticket_opens_the_stream_of_its_workspace_without_a_header_and_nothing_else(
    app: FastAPI, world: World, url: str, client: httpx.AsyncClient
) -> None:
    answer = await ticket_for(client, world)
    assert answer["expires_in"] in (899, 900)
    ticket = answer["ticket"]
    assert await seqs(url, world, 2, {"ticket": ticket, "after": 0}, signed_in=False) == [1, 2]

    other = f"/api/workspaces/{world.viewer.home}/changes/stream"
    refused: list[tuple[str, dict[str, str], dict[str, str]]] = [
        (other, {"ticket": ticket}, {}),
        (address(world), {}, {"Authorization": f"Bearer {ticket}"}),
        (f"/api/workspaces/{world.workspace}/changes", {"ticket": ticket}, {}),
        ("/api/users/me", {}, {"Authorization": f"Bearer {ticket}"}),
        # An access token is no ticket: it would end up in logs and histories of browsers.
        (address(world), {"ticket": world.viewer.token}, {}),
    ]
    for path, query, headers in refused:
        response = await client.get(path, params=query, headers=headers)
        assert response.status_code in (401, 422), path
        assert response.json()["error"]["code"] in ("UNAUTHENTICATED", "VALIDATION_ERROR")


async def test_a_ticket_lasts_a_quarter_of_an_hour_but_never_longer_than_its_token(
    app: FastAPI, world: World, client: httpx.AsyncClient
) -> None:
    tokens = app.state.identity.tokens
    now = datetime.now(UTC)
    nearly_over = tokens.issue(world.viewer.id, world.viewer.session, now=now - tokens.lifetime + timedelta(seconds=60))
    # With the ten seconds by which clocks may differ.
    assert 50 <= (await ticket_for(client, world, nearly_over))["expires_in"] <= 70

    later = now + timedelta(seconds=60)
    whose = (world.viewer.id, world.viewer.session)
    expired = tokens.issue_ticket(*whose, world.workspace, now - timedelta(seconds=1), later)
    outdated = tokens.issue_ticket(world.viewer.id, uuid4(), world.workspace, later, later)
    foreign = tokens.issue_ticket(world.stranger.id, world.stranger.session, world.workspace, later, later)
    for ticket, status in ((expired, 401), (outdated, 401), (foreign, 404)):
        response = await client.get(address(world), params={"ticket": ticket})
        assert response.status_code == status


def ticket_of(app: FastAPI, world: World, *, opens: int, lasts: int) -> str:
    """Return a ticket that opens streams for some seconds, which last for some seconds."""
    now = datetime.now(UTC)
    expires_at, until = now + timedelta(seconds=opens), now + timedelta(seconds=lasts)
    tokens: Tokens = app.state.identity.tokens
    return tokens.issue_ticket(world.viewer.id, world.viewer.session, world.workspace, expires_at, until)


async def test_a_stream_outlives_its_ticket(app: FastAPI, world: World, url: str) -> None:
    # Whole seconds, rounded down.
    ticket = ticket_of(app, world, opens=3, lasts=60)
    source = over_rest(url, None, address(world), {"ticket": ticket})

    async def has_expired() -> bool:
        return await refused(app, world, ticket)

    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(source):
        assert (await anext(source))["event"] == "ready"
        await until(has_expired)
        await add_item(app, world)
        assert (await anext(source))["event"] == "created"


async def test_a_stream_does_not_outlive_the_access_token_behind_its_ticket(
    app: FastAPI, world: World, url: str
) -> None:
    source = over_rest(url, None, address(world), {"ticket": ticket_of(app, world, opens=60, lasts=2)})
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(source):
        assert (await anext(source))["event"] == "ready"
        with pytest.raises(StreamEnd) as caught:
            await anext(source)
    assert (caught.value.code, caught.value.details) == ("UNAUTHENTICATED", {})


async def refused(app: FastAPI, world: World, ticket: str) -> bool:
    """Return whether the ticket opens nothing any more; the number is beyond the log, so that nothing opens."""
    async with client_of(app) as client:
        query: dict[str, Any] = {"ticket": ticket, "after": 1_000_000}
        return (await client.get(address(world), params=query)).status_code == 401


async def test_strangers_get_no_ticket(app: FastAPI, world: World) -> None:
    async with client_of(app) as client:
        for token, status in ((world.stranger.token, 404), ("x", 401)):
            response = await client.post(
                "/api/auth/stream-ticket",
                json={"workspace_id": str(world.workspace)},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert response.status_code == status
