"""What HTTP asks of every answer: HEAD, redirects that stay here, and permission for apps on other origins."""

import asyncio
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from api.server.head import HeadMiddleware
from api.services import health
from tests.conftest import client_of, make_settings, running
from tests.doors.people import World
from tests.live import serve

APP = "https://app.example.com"
ONCE = {"x-request-id", "content-security-policy"}
"""Headers whose values are new each time."""

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def lasting(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in ONCE}


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/ready",
        "/docs",
        "/openapi.json",
        "/graphql",
        "/api/items",
        "/api/users/me",
        "/nowhere",
        "/api/items/1",
    ],
)
async def test_head_is_answered_wherever_get_is(client: httpx.AsyncClient, world: World, path: str) -> None:
    headers = {"Authorization": f"Bearer {world.viewer.token}", "Accept": "text/html", "Origin": APP}
    got = await client.get(path, headers=headers)
    head = await client.head(path, headers=headers)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert lasting(head) == lasting(got)


async def test_the_head_of_a_stream_opens_none(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    path = f"/api/workspaces/{world.workspace}/changes/stream"
    head = await client.head(path, headers={"Authorization": f"Bearer {world.viewer.token}"})
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert head.content == b""
    assert list(app.state.hub.streams()) == []


async def test_an_answer_without_an_end_ends_with_its_head(database_url: str) -> None:
    async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await HeadMiddleware(endless)({"type": "http", "method": "HEAD"}, explode, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def test_a_real_server_sends_heads_over_a_connection_that_goes_on(database_url: str, tmp_path: Path) -> None:
    async with serve(database_url, tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        for path in ("/health", "/docs", "/nowhere", "/api/items"):
            got, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            assert head.headers["content-length"] == got.headers["content-length"]
        who = {"email": server.admin_email, "password": server.admin_password}
        token = (await client.post("/api/auth/login", json=who)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        home = (await client.get("/api/users/me")).json()["personal_workspace_id"]
        async with asyncio.timeout(10):
            assert (await client.head(f"/api/workspaces/{home}/changes/stream")).status_code == 200
        assert (await client.get("/health")).status_code == 200
    assert '"level": "error"' not in server.log.read_text()


async def test_what_only_takes_other_methods_takes_no_head(client: httpx.AsyncClient) -> None:
    head = await client.head("/api/auth/login")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/api/items/?tag=a%0D%0Ab&next=//evil.example", "/api/items?tag=a%0D%0Ab&next=//evil.example"),
        ("/health/", "/health"),
        ("/graphql//", "/graphql"),
        ("/api/items/%2e%2e/", "/api/items/.."),
    ],
)
async def test_a_slash_too_many_is_redirected_on_this_server(
    client: httpx.AsyncClient, asked: str, location: str
) -> None:
    for method in ("GET", "POST"):
        answer = await client.request(method, asked, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.headers["location"]) == (307, location)


@pytest.mark.parametrize(
    "path", ["//evil.example/", "//evil.example/api/items/", "/%2F/evil.example/", "/\\evil.example/"]
)
async def test_no_address_redirects_to_another_server(app: FastAPI, path: str) -> None:
    sent: list[Message] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path.replace("%2F", "/"),
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"evil.example")],
    }

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 404


def explode(*_: object) -> NoReturn:
    """Fail as nobody foresaw."""
    raise RuntimeError


async def test_apps_on_other_origins_can_read_every_refusal(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "get_health", explode)
    settings = make_settings(database_url, tmp_path, cors_origins=[APP], body_limit_bytes=100)
    async with running(settings) as app, client_of(app) as client:
        big: dict[str, Any] = {
            "content": b'{"email": "%s"}' % (b"x" * 200),
            "headers": {"Origin": APP, "Content-Type": "application/json"},
        }
        answers = [
            (await client.get("/health", headers={"Origin": APP}), 500),
            (await client.get("/nowhere", headers={"Origin": APP}), 404),
            (await client.put("/health", headers={"Origin": APP}), 405),
            (await client.post("/api/auth/login", **big), 413),
            (await client.post("/graphql", **big), 413),
            (await client.post("/graphql", json=[], headers={"Origin": APP}), 400),
            (await client.options("/graphql", headers={"Origin": APP, "Access-Control-Request-Method": "POST"}), 200),
        ]
        strange = await client.get("/health", headers={"Origin": "https://evil.example"})
        unasked = await client.get("/health")
    for answer, status in answers:
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, APP)
        assert "Origin" in answer.headers["vary"]
        assert answer.headers["x-request-id"]
    for answer in (strange, unasked):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"
