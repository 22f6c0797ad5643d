"""The refresh token in a cookie: for pages of ours and of origins that are named, and for nobody else."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import AppFactory, client_of
from tests.doors.authenticator import RECOVERY_CODE, write_second_step
from tests.doors.door import Door, GraphQLDoor, RestDoor
from tests.doors.people import PASSWORD, Person, World, make_world
from tests.doors.refusals import refused
from tests.doors.rows import all_rows

OURS, NAMED, FOREIGN = "http://twofold.test", "https://app.example.com", "https://evil.example.com"
NAME = "__Host-refresh"


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application that knows a browser app elsewhere."""
    app: FastAPI = await make_app(cors_origins=NAMED)
    return app


async def sign_in(client: httpx.AsyncClient, person: Person, origin: str | None = OURS) -> httpx.Response:
    data = {"email": person.email, "password": PASSWORD, "refresh_in_cookie": True}
    return await client.post("/api/auth/login", json=data, headers={"Origin": origin} if origin else {})


def cookie_of(response: httpx.Response) -> "Morsel[str]":
    """Return the cookie that an answer sets."""
    return SimpleCookie(response.headers["set-cookie"])[NAME]


async def refresh(client: httpx.AsyncClient, token: str | None, origin: str | None = OURS, **more: Any) -> Any:
    headers = {**({"Cookie": f"{NAME}={token}"} if token else {}), **({"Origin": origin} if origin else {})}
    return await client.post("/api/auth/refresh", headers=headers, **(more or {"json": {}}))


async def test_a_browser_keeps_the_refresh_token_where_no_script_reads_it(
    client: httpx.AsyncClient, world: World
) -> None:
    first = await sign_in(client, world.editor)
    assert first.json()["refresh_token"] is None
    second = await refresh(client, cookie_of(first).value)
    assert (second.status_code, second.json()["refresh_token"]) == (200, None)
    for response in (first, second):
        cookie = cookie_of(response)
        assert cookie.value.startswith("tfr_")
        assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", str(30 * 24 * 3600))
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "strict")
        assert cookie.value not in response.text
    assert cookie_of(first).value != cookie_of(second).value
    client.headers["Authorization"] = f"Bearer {second.json()['access_token']}"
    assert (await client.get("/api/users/me")).status_code == 200

    gone = await client.post("/api/auth/logout", headers={"Cookie": f"{NAME}={cookie_of(second).value}"})
    assert (gone.status_code, cookie_of(gone).value, cookie_of(gone)["max-age"]) == (204, "", "0")
    assert (cookie_of(gone)["secure"], cookie_of(gone)["path"]) == (True, "/")
    assert (await refresh(client, cookie_of(second).value)).status_code == 401


async def test_who_has_no_cookie_is_given_none(client: httpx.AsyncClient, world: World) -> None:
    data = {"email": world.editor.email, "password": PASSWORD}
    signed_in = await client.post("/api/auth/login", json=data)
    token = signed_in.json()["refresh_token"]
    again = await client.post("/api/auth/refresh", json={"refresh_token": token})
    headers = {"Authorization": f"Bearer {again.json()['access_token']}"}
    out = await client.post("/api/auth/logout", headers=headers)
    assert [one.status_code for one in (signed_in, again, out)] == [200, 200, 204]
    assert not any("set-cookie" in one.headers for one in (signed_in, again, out))


async def test_the_cookie_is_for_our_pages_and_those_of_named_origins(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    token = cookie_of(await sign_in(client, world.editor, NAMED)).value
    answer = await refresh(client, token, NAMED)
    assert answer.headers["access-control-allow-origin"] == NAMED
    assert answer.headers["access-control-allow-credentials"] == "true"
    token, before = cookie_of(answer).value, await all_rows(app)
    for origin in (FOREIGN, "null", "*", "", None, "http://twofold.test.evil.example.com", "http://[", "twofold.test"):
        for refusal in (await refresh(client, token, origin), await sign_in(client, world.editor, origin)):
            assert (refusal.status_code, refusal.json()["error"]["code"]) == (403, "FORBIDDEN"), origin
            assert "set-cookie" not in refusal.headers
    assert await all_rows(app) == before
    assert "access-control-allow-origin" not in (await refresh(client, token, FOREIGN)).headers
    assert (await refresh(client, token)).status_code == 200


async def test_a_form_of_another_page_refreshes_nothing(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    token = cookie_of(await sign_in(client, world.editor)).value
    before = await all_rows(app)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        client.headers["Content-Type"] = kind
        assert (await refresh(client, token, content=b"{}")).status_code == 415
    assert (await refresh(client, token, content=b"")).status_code == 422
    assert await all_rows(app) == before


async def test_without_a_cookie_a_token_is_needed(client: httpx.AsyncClient, world: World) -> None:
    response = await refresh(client, None)
    fields = response.json()["error"]["details"]["fields"]
    assert (response.status_code, fields) == (422, [{"path": "refresh_token", "message": "It is needed"}])
    assert (await refresh(client, "nonsense")).status_code == 401


async def test_any_origin_is_no_named_one(make_app: AppFactory) -> None:
    app = await make_app(cors_origins="*")
    world = await make_world(app)
    async with client_of(app) as client:
        response = await sign_in(client, world.editor, FOREIGN)
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (403, "*")
        assert "access-control-allow-credentials" not in response.headers


async def test_graphql_says_that_it_sets_no_cookie(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    door: Door = GraphQLDoor(app, client)
    async with refused(door, "VALIDATION_ERROR") as refusal:
        data = {"email": world.editor.email, "password": PASSWORD, "refresh_in_cookie": True}
        await door.call("login", data=data)
    assert refusal.paths == {"refresh_in_cookie"}
    assert (await RestDoor(app, client).call("login", data={**data, "refresh_in_cookie": False}))["refresh_token"]


async def test_the_second_step_puts_it_there_as_well_and_for_nobody_else(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    challenge = await write_second_step(app, world.editor.id)
    data = {"challenge": challenge, "code": RECOVERY_CODE, "refresh_in_cookie": True}
    before = await all_rows(app)
    for origin in (FOREIGN, None):
        headers = {"Origin": origin} if origin else {}
        foreign = await client.post("/api/auth/login/complete", json=data, headers=headers)
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "FORBIDDEN")
        assert "set-cookie" not in foreign.headers
    assert await all_rows(app) == before
    response = await client.post("/api/auth/login/complete", json=data, headers={"Origin": OURS})
    assert (response.status_code, response.json()["refresh_token"]) == (200, None)
    assert (await refresh(client, cookie_of(response).value)).status_code == 200


async def test_graphql_sets_no_cookie_at_the_second_step_either(graphql: Door, world: World) -> None:
    async with refused(graphql, "VALIDATION_ERROR") as refusal:
        data = {"challenge": "x", "code": "x", "refresh_in_cookie": True}
        await graphql.call("complete_login", data=data)
    assert refusal.paths == {"refresh_in_cookie"}
