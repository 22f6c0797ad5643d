"""What the REST door answers to what it cannot use: a problem document, with the catalogue's code."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from api.core.tokens import Tokens
from tests.conftest import SECRET
from tests.doors.people import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

JSON = {"Content-Type": "application/json"}
LIMIT = 1024 * 1024


@pytest.fixture
def client(client: httpx.AsyncClient, world: World) -> httpx.AsyncClient:
    """A client who is signed in: nobody is told anything but that."""
    client.headers["Authorization"] = f"Bearer {world.editor.token}"
    return client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(response: httpx.Response) -> dict[str, Any]:
    """Check the shape of a problem document and return its `error`."""
    body = response.json()
    error: dict[str, Any] = body["error"]
    assert response.headers["content-type"] == "application/problem+json"
    assert body == {
        "type": "about:blank",
        "title": HTTPStatus(response.status_code).phrase,
        "status": response.status_code,
        "detail": error["message"],
        "error": error,
    }
    assert list(error) == ["code", "message", "details", "request_id"]
    assert error["request_id"] == response.headers["x-request-id"]
    return error


def paths(response: httpx.Response) -> list[str]:
    error = problem(response)
    assert (response.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert all(list(field) == ["path", "message"] for field in error["details"]["fields"])
    return [field["path"] for field in error["details"]["fields"]]


MALFORMED = {
    "cut off": b'{"email": ',
    "invalid UTF-8": b'{"email": "\xff\xfe"}',
    "a number of 5,000 digits": b'{"email": ' + b"1" * 5000 + b"}",
    "100,000 open brackets": b"[" * 100_000,
    "100,000 nested objects": b'{"a":' * 100_000,
    "a trailing comma": b'{"email": "a",}',
    "single quotes": b"{'email': 'a'}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_json_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/api/items", content=body, headers=JSON)
    assert (response.status_code, problem(response)["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"null", b"7", b"true"])
async def test_a_body_that_is_no_object_is_invalid_as_a_whole(client: httpx.AsyncClient, body: bytes) -> None:
    assert paths(await client.post("/api/auth/login", content=body, headers=JSON)) == [""]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_any_type_but_json_is_unsupported(client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = await client.post("/api/auth/login", content=b'{"email":"a","password":"b"}', headers=headers)
    assert (response.status_code, problem(response)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_json_is_recognised_with_parameters_and_in_capitals(client: httpx.AsyncClient, kind: str) -> None:
    response = await client.post("/api/auth/login", content=b'{"email":"a"}', headers={"Content-Type": kind})
    assert paths(response) == ["password"]


def padded(size: int) -> bytes:
    """Return a JSON body of exactly this size."""
    begin, end = b'{"title": "', b'"}'
    return begin + b"x" * (size - len(begin) - len(end)) + end


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65536):
        yield body[start : start + 65536]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_one_mebibyte_is_read_and_a_byte_more_is_too_large(
    client: httpx.AsyncClient, *, chunked: bool
) -> None:
    async def send(size: int) -> httpx.Response:
        content = in_chunks(padded(size)) if chunked else padded(size)
        return await client.post("/api/items", content=content, headers=JSON)

    assert paths(await send(LIMIT)) == ["title"]
    response = await send(LIMIT + 1)
    assert (response.status_code, problem(response)["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/api/items/1/2/3", "/API/items"])
async def test_an_unknown_address_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, problem(response)["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/health", "GET, HEAD"),
        ("PUT", "/api/items", "GET, HEAD, POST"),
        ("DELETE", "/api/users", "GET, HEAD, POST"),
        ("GET", "/api/auth/login", "POST"),
        ("PUT", "/api/items/1", "GET, HEAD, PATCH, DELETE"),
        ("TRACE", "/api/workspaces/1/members", "GET, HEAD, POST"),
        ("PUT", "/graphql", "GET, HEAD, POST"),
    ],
)
async def test_an_unknown_method_names_those_allowed(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, problem(response)["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == allow


BAD_QUERIES = {
    "limit=0": ["limit"],
    "limit=101": ["limit"],
    "limit=many": ["limit"],
    "skip=-1": ["skip"],
    "skip=99999999999999999999": ["skip"],
    "cursor=" + "x" * 2049: ["cursor"],
    "include_total=maybe": ["include_total"],
    "sort=colour": ["sort"],
    "status=open&status=lost": ["status.1"],
    "workspace_id=mine": ["workspace_id"],
    "created_from=tomorrow": ["created_from"],
    "created_from=2026-01-01T00:00:00": ["created_from"],
    "priority_from=5&priority_to=-1": ["priority_from", "priority_to"],
    "text=%00": ["text"],
    "tag=": ["tag"],
    "colour=red": ["colour"],
}


@pytest.mark.parametrize(("query", "expected"), BAD_QUERIES.items(), ids=lambda value: str(value)[:30])
async def test_bad_query_parameters_are_named(client: httpx.AsyncClient, query: str, expected: list[str]) -> None:
    assert paths(await client.get(f"/api/items?{query}")) == expected


async def test_a_bad_cursor_is_a_bad_request(client: httpx.AsyncClient, world: World) -> None:
    first = {"title": "One"}, {"title": "Two"}
    for data in first:
        await client.post("/api/items", json=data, headers=bearer(world.editor.token))
    page = await client.get("/api/items?limit=1&sort=title", headers=bearer(world.editor.token))
    of_another_order = page.json()["next_cursor"]

    for cursor in ("nonsense", "", "%ff", "W10", "bnVsbA", of_another_order):
        response = await client.get(f"/api/items?sort=created&cursor={cursor}", headers=bearer(world.editor.token))
        assert (response.status_code, problem(response)["code"]) == (400, "BAD_REQUEST"), cursor


@pytest.mark.parametrize("item_id", ["1", "%00", "none", "01234567-89ab-cdef-0123-456789abcdeg", "'--"])
async def test_a_bad_id_is_named_id(client: httpx.AsyncClient, item_id: str) -> None:
    for method in ("GET", "DELETE"):
        assert paths(await client.request(method, f"/api/items/{item_id}")) == ["id"]


async def test_a_bad_users_id_is_named_by_its_place_in_the_path(client: httpx.AsyncClient) -> None:
    assert paths(await client.delete("/api/workspaces/x/members/y")) == ["id", "user_id"]


@pytest.mark.parametrize("header", ["1", 'w/"1"', '"one"', '"1", 2', '"99999999999999999999"', ""])
async def test_a_bad_if_match_is_a_bad_request_and_changes_nothing(
    client: httpx.AsyncClient, world: World, header: str
) -> None:
    token = bearer(world.editor.token)
    item = (await client.post("/api/items", json={"title": "Stays"}, headers=token)).json()
    address = f"/api/items/{item['id']}"
    response = await client.patch(address, json={"title": "Changed"}, headers={**token, "If-Match": header})
    assert (response.status_code, problem(response)["code"]) == (400, "BAD_REQUEST")
    assert (await client.get(address, headers=token)).json() == item


async def test_expired_forged_and_missing_tokens_are_told_apart(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    whose = (world.editor.id, world.editor.session)
    expired = Tokens(SECRET, lifetime=timedelta(seconds=-1)).issue(*whose)
    forged = Tokens("another secret, as long as the first one", lifetime=timedelta(hours=1)).issue(*whose)
    orphaned = app.state.identity.tokens.issue(uuid4(), world.editor.session)
    outdated = app.state.identity.tokens.issue(world.editor.id, uuid4())
    said = {}
    del client.headers["Authorization"]
    for name, header in {
        "expired": f"Bearer {expired}",
        "forged": f"Bearer {forged}",
        "orphaned": f"Bearer {orphaned}",
        "outdated": f"Bearer {outdated}",
        "basic": "Basic YTpi",
        "missing": None,
    }.items():
        response = await client.get("/api/users/me", headers={"Authorization": header} if header else {})
        error = problem(response)
        assert (response.status_code, error["code"]) == (401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == "Bearer"
        said[name] = error["message"]
    assert said == {
        "expired": "The access token has expired. Refresh the session, or sign in again.",
        "forged": "The access token is not valid.",
        "orphaned": "The account of this access token no longer exists.",
        "outdated": "The session of this access token has ended. Sign in again.",
        "basic": "The Authorization header must be: Bearer, a space, and an access token or API key.",
        "missing": "Sign in first: this needs an access token.",
    }
