"""Every answer tells browsers what they may not do with it."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.core.errors import ErrorCode
from api.services import health
from tests.conftest import client_of, make_settings, running
from tests.connections.wire import exchange, wire
from tests.doors.people import World
from tests.live import LiveServer

APP = "https://app.example.com"
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
OTHERS = {"cross-origin-opener-policy", "strict-transport-security"}
QUERY = {"query": "{ __typename }"}


def told(response: httpx.Response) -> dict[str, str]:
    """Return the security headers of an answer; each stands there once."""
    names = [name for name, _ in response.headers.multi_items() if name in EVERYWHERE.keys() | OTHERS]
    assert len(names) == len(set(names))
    return {name: response.headers[name] for name in names}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/health", {}, 200),
        ("HEAD", "/health", {}, 200),
        ("GET", "/openapi.json", {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/health/", {}, 307),
        ("PUT", "/health", {}, 405),
        ("GET", "/api/items?limit=0", {}, 422),
        ("POST", "/api/auth/login", {"content": b"x" * 70_000}, 413),
        ("POST", "/graphql", {"json": QUERY}, 200),
        ("POST", "/graphql", {"content": b"{}"}, 415),
        ("GET", "/graphql", {}, 405),
    ],
)
async def test_every_answer_has_them(
    client: httpx.AsyncClient, world: World, method: str, path: str, more: dict[str, object], status: int
) -> None:
    client.headers["Authorization"] = f"Bearer {world.viewer.token}" if status != 413 else ""
    response = await client.request(method, path, **more)  # type: ignore[arg-type]  # as the client takes them
    assert response.status_code == status
    assert told(response) == EVERYWHERE


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_is_not_let_in_is_told_too(client: httpx.AsyncClient) -> None:
    refused = await client.get("/api/items")
    assert (refused.status_code, told(refused)) == (401, EVERYWHERE)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_failure_nobody_foresaw_has_them_too(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    async def explode(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(health, "get_health", explode)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://twofold.test"
    ) as client:
        failed = await client.get("/health")
    assert failed.json()["error"]["code"] == ErrorCode.INTERNAL_ERROR
    assert told(failed) == EVERYWHERE


@pytest.mark.parametrize("path", ["/docs", "/graphql"])
async def test_our_pages_have_policies_of_their_own(sqlite_url: str, tmp_path: Path, path: str) -> None:
    async with running(make_settings(sqlite_url, tmp_path)) as app, client_of(app) as client:
        page = await client.get(path, headers={"Accept": "text/html"})
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'nonce-")
    assert "frame-ancestors 'none'" in policy
    own = {"content-security-policy": policy, "cross-origin-opener-policy": "same-origin"}
    assert told(page) == {**EVERYWHERE, **own}


async def test_apps_on_other_origins_get_them_with_their_permission(sqlite_url: str, tmp_path: Path) -> None:
    wanted = {"Origin": APP, "Access-Control-Request-Method": "GET"}
    async with running(make_settings(sqlite_url, tmp_path, cors_origins=[APP])) as app, client_of(app) as client:
        answers = [
            await client.options("/health", headers=wanted),
            await client.get("/health", headers={"Origin": APP}),
        ]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == APP
        assert told(answer) == EVERYWHERE


@pytest.mark.parametrize(
    ("seconds", "insists"), [(31536000, {"strict-transport-security": "max-age=31536000"}), (0, {})]
)
async def test_over_tls_browsers_are_told_to_stay_there(
    sqlite_url: str, tmp_path: Path, seconds: int, insists: dict[str, str]
) -> None:
    async with running(make_settings(sqlite_url, tmp_path, hsts_seconds=seconds)) as app, client_of(app) as client:
        assert told(await client.get("https://twofold.test/health")) == {**EVERYWHERE, **insists}
        assert told(await client.get("http://twofold.test/health")) == EVERYWHERE


@pytest.mark.asyncio(loop_scope="session")
async def test_only_a_proxy_that_is_trusted_says_that_it_was_tls(live_server: LiveServer) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
    trusted = await exchange(live_server.url, request)
    async with wire(live_server.url, "127.0.0.2") as stranger:
        await stranger.send(request)
        forged = await stranger.rest()
    assert b"\r\nstrict-transport-security: max-age=31536000\r\n" in trusted
    assert b"strict-transport-security" not in forged
    for answer in (trusted, forged):
        assert all(f"\r\n{name}: {value}\r\n".encode() in answer for name, value in EVERYWHERE.items())


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_no_request_is_answered_with_them(live_server: LiveServer) -> None:
    answer = await exchange(live_server.url, b"no HTTP\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert all(f"\r\n{name}: {value}\r\n".encode() in answer for name, value in EVERYWHERE.items())
