"""GraphQL over HTTP: what a client accepts decides what it gets, and with which status."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.doors.door import Door
from tests.doors.people import World
from tests.doors.things import last_seq

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
STREAM = "text/event-stream"
URQL = f"{RESPONSE}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed"

QUERY = "{ __typename }"
CHOSEN = [
    (None, JSON),
    ("", JSON),
    ("*/*", JSON),
    ("application/*", JSON),
    ("APPLICATION/JSON", JSON),
    (f"{JSON}; charset=utf-8", JSON),
    (RESPONSE, RESPONSE),
    (URQL, RESPONSE),
    (f"{JSON}, {RESPONSE}", JSON),
    (f"{JSON};q=0.5, {RESPONSE}", RESPONSE),
    (f"{RESPONSE};q=0.1, */*", JSON),
    (f"{JSON};q=0, */*", RESPONSE),
    ("text/event-stream, application/json;q=0.1", JSON),
    ("text/event-stream, */*;q=0.1", JSON),
    ("text/event-stream", STREAM),
    ("text/*", STREAM),
    ("text/event-stream, application/json;q=0", STREAM),
]


async def ask(client: httpx.AsyncClient, query: str, accept: str | None, **options: Any) -> httpx.Response:
    # The client would send `*/*` by itself.
    request = client.build_request("POST", "/graphql", json={"query": query, **options})
    del request.headers["accept"]
    if accept is not None:
        request.headers["accept"] = accept
    return await client.send(request)


@pytest.mark.parametrize(("accept", "chosen"), CHOSEN)
async def test_a_query_is_answered_as_the_client_prefers(
    client: httpx.AsyncClient, accept: str | None, chosen: str
) -> None:
    response = await ask(client, QUERY, accept)
    assert (response.status_code, response.headers["content-type"]) == (200, chosen)
    data = '{"data":{"__typename":"Query"}}'
    expected = f"event: next\ndata: {data}\n\nevent: complete\ndata: \n\n" if chosen == STREAM else data
    assert response.text == expected


@pytest.mark.parametrize("accept", [URQL, f"{JSON}, text/event-stream;q=0.1", "text/event-stream"])
async def test_a_subscription_is_a_stream_wherever_one_is_accepted(
    client: httpx.AsyncClient, world: World, accept: str
) -> None:
    query = f'subscription {{ changes(workspaceId: "{world.workspace}") {{ seq }} }}'
    response = await ask(client, query, accept)
    assert (response.status_code, response.headers["content-type"]) == (200, STREAM)
    assert '"code":"UNAUTHENTICATED"' in response.text
    assert "\r" not in response.text


@pytest.mark.parametrize("accept", ["image/png", "application/xml, text/html", f"{JSON};q=0", "multipart/mixed", "x"])
async def test_nothing_runs_whose_answer_is_not_acceptable(
    app: FastAPI, client: httpx.AsyncClient, graphql: Door, world: World, accept: str
) -> None:
    seq = await last_seq(graphql, world, world.editor.home)
    client.headers["Authorization"] = f"Bearer {world.editor.token}"
    response = await ask(client, 'mutation { createItem(input: {title: "Rake"}) { id } }', accept)
    assert (response.status_code, response.headers["content-type"]) == (406, JSON)
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"
    del client.headers["Authorization"]
    assert await last_seq(graphql, world, world.editor.home) == seq


NEVER_RAN = [
    ({"query": "{ me {"}, 400, 200, "BAD_REQUEST"),
    ({"query": "{ colour }"}, 400, 200, "BAD_REQUEST"),
    ({"query": QUERY, "operationName": "other"}, 400, 200, "BAD_REQUEST"),
    ({"query": "mutation($i: Login!) { login(input: $i) { tokenType } }"}, 400, 200, "VALIDATION_ERROR"),
    ({"query": "{ me { name } }"}, 401, 200, "UNAUTHENTICATED"),
    ({"query": "{ " + "a: __typename " * 1000 + "}"}, 400, 200, "QUERY_TOO_COMPLEX"),
    ({"query": "subscription { changes { seq } }"}, 400, 400, "BAD_REQUEST"),
    ({"query": QUERY, "variables": []}, 400, 400, "BAD_REQUEST"),
    ({"query": ""}, 400, 400, "BAD_REQUEST"),
    ({}, 400, 400, "BAD_REQUEST"),
]


@pytest.mark.parametrize(("body", "told", "as_json", "code"), NEVER_RAN)
async def test_what_never_ran_has_no_data_and_a_status_that_says_so(
    client: httpx.AsyncClient, body: dict[str, Any], told: int, as_json: int, code: str
) -> None:
    response = await client.post("/graphql", json=body, headers={"Accept": RESPONSE})
    assert (response.status_code, response.headers["content-type"]) == (told, RESPONSE)
    assert set(response.json()) == {"errors"}
    assert response.json()["errors"][0]["extensions"]["code"] == code
    response = await client.post("/graphql", json=body, headers={"Accept": JSON})
    assert (response.status_code, response.headers["content-type"]) == (as_json, JSON)
    assert response.json()["data"] is None


async def test_what_ran_answers_200_whatever_became_of_it(client: httpx.AsyncClient, world: World) -> None:
    response = await client.post(
        "/graphql",
        json={"query": f'{{ item(id: "{world.workspace}") {{ id }} }}'},
        headers={"Accept": RESPONSE, "Authorization": f"Bearer {world.viewer.token}"},
    )
    assert (response.status_code, response.headers["content-type"]) == (200, RESPONSE)
    assert response.json()["data"] == {"item": None}
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "kind",
    ["Application/JSON", "application/json;charset=UTF-8", 'application/json ; charset="UTF-8"', "application/json;"],
)
async def test_types_of_bodies_are_compared_without_case_and_parameters(
    client: httpx.AsyncClient, world: World, kind: str
) -> None:
    headers = {"Content-Type": kind, "Authorization": f"Bearer {world.editor.token}"}
    answer = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert answer.json() == {"data": {"__typename": "Query"}}
    created = await client.post("/api/items", content=b'{"title": "Rake"}', headers=headers)
    assert created.status_code == 201


async def test_a_persisted_query_is_refused_in_apollos_words(client: httpx.AsyncClient) -> None:
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": "a"}}
    response = await client.post("/graphql", json={"operationName": "Me", "variables": {}, "extensions": persisted})
    assert response.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
    response = await client.post("/graphql", json={"query": QUERY, "extensions": persisted})
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_browser_is_shown_the_page_whatever_its_address_asks_for(client: httpx.AsyncClient) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = await client.get("/graphql", params={"query": QUERY}, headers={"Accept": browser})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "GraphiQL" in response.text
