"""What a query may cost, and which ways of asking are closed."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import AppFactory, client_of
from tests.databases import sqlite_address
from tests.doors.people import World, make_person
from tests.graphql.asking import IDENTIFICATION, ask, read, statements


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Any, sqlite_template: Any) -> str:
    """SQLite alone: what is refused here never reaches a database."""
    return sqlite_address(tmp_path, sqlite_template)


def nested(first: str) -> str:
    """Return selections with a list in a list."""
    return f"{{ workspaces(first: {first}) {{ nodes {{ items(first: {first}) {{ nodes {{ id }} }} }} }} }}"


def cost(first: int) -> int:
    """Return what `nested` costs: a list counts one and, per entry it may have, `nodes` and what is inside it."""
    inner = 1 + first * (1 + 1)
    return 1 + first * (1 + inner)


async def refuse(app: FastAPI, client: httpx.AsyncClient, token: str, query: str, **variables: Any) -> dict[str, Any]:
    """Return the details of a query that is too complex, after no statement but that which finds out who asks."""
    with statements(app) as seen:
        answer = await ask(client, token, query, **variables)
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], answer["data"]) == ("QUERY_TOO_COMPLEX", None)
    assert len(seen) == (IDENTIFICATION if token else 0)
    details: dict[str, Any] = error["extensions"]["details"]
    assert str(details["maximum"]) in error["message"]
    return details


async def test_the_cost_multiplies_through_first_however_it_is_given(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    token = world.viewer.token
    expected = {"limit": "cost", "maximum": 20_000, "actual": cost(100)}
    query = nested("$n")
    # The inner list inside a fragment, one level down.
    split = "{ workspaces(first: $n) { nodes { ...F } } } fragment F on Workspace { items(first: $n) { nodes { id } } }"
    inline = "{ workspaces(first: 100) { ... { nodes { ... on Workspace { items(first: 100) { nodes { id } } } } } } }"
    ways: list[tuple[str, dict[str, Any]]] = [
        (nested("100"), {}),
        (nested("100").replace("first", "last"), {}),
        (f"query($n: Int) {query}", {"n": 100}),
        (f"query($n: Int) {query}", {"n": 100.0}),
        (f"query($n: Int = 100) {query}", {}),
        (f"query($n: Int = 1) {query}", {"n": 100}),
        (f"query($n: Int) {split}", {"n": 100}),
        (f"query($n: Int = 100) {split}", {}),
        (inline, {}),
    ]
    for text, variables in ways:
        assert await refuse(app, client, token, text, **variables) == expected, text


async def test_a_query_within_the_cost_runs(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    most = max(n for n in range(1, 101) if cost(n) <= 20_000)
    with statements(app) as seen:
        await read(client, world.viewer.token, nested(str(most)))
    assert len(seen) == IDENTIFICATION + 2
    expected = {"limit": "cost", "maximum": 20_000, "actual": cost(most + 1)}
    assert await refuse(app, client, world.viewer.token, nested(str(most + 1))) == expected
    # Without a size, a list counts with the 20 it returns.
    await read(client, world.viewer.token, "{ workspaces { nodes { items { nodes { id } } } } }")


async def test_lists_of_changes_and_both_forms_of_a_page_are_counted(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    token, place = world.viewer.token, str(world.workspace)
    changes = " ".join(
        f"c{n}: changes(workspaceId: $w, limit: 100) {{ nodes {{ actor {{ items {{ nodes {{ id }} }} }} }} }}"
        for n in range(11)
    )
    details = await refuse(app, client, token, f"query($w: UUID!) {{ {changes} }}", w=place)
    assert details == {"limit": "cost", "maximum": 20_000, "actual": 11 * (1 + 100 * (1 + 1 + 21 + 20))}
    pages = "edges { node { owner { id } } } nodes { owner { id } }"
    lists = " ".join(f"l{n}: items(first: 100) {{ {pages} }}" for n in range(30))
    details = await refuse(app, client, token, f"{{ {lists} }}")
    assert details == {"limit": "cost", "maximum": 20_000, "actual": 30 * (1 + 100 * (4 + 3))}


async def test_depth_is_limited_through_fragments(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    def deep(levels: int) -> str:
        inner = "id"
        for _ in range(levels):
            inner = f"item {{ workspace {{ messages(first: 1) {{ nodes {{ {inner} }} }} }} }}"
        return inner

    token = world.viewer.token
    plain = f"{{ messages(first: 1) {{ nodes {{ {deep(2)} }} }} }}"
    assert await read(client, token, plain) == {"messages": {"nodes": []}}
    for text in (
        f"{{ messages(first: 1) {{ nodes {{ {deep(3)} }} }} }}",
        f"{{ messages(first: 1) {{ nodes {{ ...D }} }} }} fragment D on Message {{ {deep(3)} }}",
        f"{{ messages(first: 1) {{ nodes {{ ... {{ ... on Message {{ {deep(3)} }} }} }} }} }}",
    ):
        details = await refuse(app, client, token, text)
        assert details == {"limit": "depth", "maximum": 12, "actual": 15}


async def test_aliases_are_limited_through_fragments(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    token = world.viewer.token

    def aliased(number: int) -> str:
        return " ".join(f"a{n}: id" for n in range(number))

    assert len((await read(client, token, f"{{ me {{ {aliased(30)} }} }}"))["me"]) == 30
    for text in (
        f"{{ me {{ {aliased(31)} }} }}",
        f"{{ me {{ ...A }} }} fragment A on Account {{ {aliased(31)} }}",
        f"{{ me {{ ... {{ {aliased(31)} }} }} }}",
    ):
        assert await refuse(app, client, token, text) == {"limit": "aliases", "maximum": 30, "actual": 31}
    # A fragment counts each time it is used.
    twice = f"{{ a: me {{ ...A }} b: me {{ ...A }} }} fragment A on Account {{ {aliased(15)} }}"
    assert await refuse(app, client, token, twice) == {"limit": "aliases", "maximum": 30, "actual": 32}


async def test_tokens_are_limited_before_the_text_is_parsed(make_app: AppFactory) -> None:
    app = await make_app(graphql_max_tokens=30)
    person = await make_person(app, "reader")
    expected = {"limit": "tokens", "maximum": 30}
    async with client_of(app) as client:
        assert await read(client, person.token, f"{{ me {{ {'id ' * 25} }} }}") == {"me": {"id": str(person.id)}}
        for text in (f"{{ me {{ {'id ' * 26} }} }}", "{" * 31, f"{{ me {{ id }} }} {'#' * 99}\n" * 6):
            assert await refuse(app, client, person.token, text) == expected


async def test_each_limit_is_a_setting(make_app: AppFactory) -> None:
    for setting, query in (
        ("graphql_max_characters", "{ me { id } }"),
        ("graphql_max_depth", "{ me { items { nodes { id } } } }"),
        ("graphql_max_aliases", "{ me { a: id b: id } }"),
        ("graphql_max_tokens", "{ me { id } }"),
        ("graphql_max_cost", "{ items(first: 1) { nodes { id } } }"),
    ):
        app = await make_app(**{setting: 1})
        person = await make_person(app, setting.rpartition("_")[2])
        async with client_of(app) as client:
            details = await refuse(app, client, person.token, query)
        assert (details["limit"], details["maximum"]) == (setting.removeprefix("graphql_max_"), 1)


async def test_introspection_can_be_turned_off(make_app: AppFactory) -> None:
    queries = ("{ __schema { queryType { name } } }", '{ __type(name: "Item") { name } }')
    async with client_of(await make_app()) as client:
        for query in queries:
            await read(client, None, query)
    app = await make_app(graphql_introspection=False)
    person = await make_person(app, "reader")
    async with client_of(app) as client:
        for query in queries:
            answer = await ask(client, None, query)
            assert (answer["data"], answer["errors"][0]["extensions"]["code"]) == (None, "BAD_REQUEST")
        # Clients that ask each object for its type go on working.
        assert await read(client, person.token, "{ me { __typename } }") == {"me": {"__typename": "Account"}}


async def refused(response: httpx.Response, status: int, code: str) -> None:
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (status, code)
    assert error["extensions"]["request_id"] == response.headers["x-request-id"]


async def test_other_ways_of_asking_are_closed(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    headers = {"Authorization": f"Bearer {world.viewer.token}"}
    query = {"query": "{ me { id } }"}
    with statements(app) as seen:
        by_get = await client.get("/graphql", params=query, headers=headers)
        await refused(by_get, 405, "METHOD_NOT_ALLOWED")
        browser = await client.get("/graphql", params=query, headers={**headers, "Accept": "text/html"})
        assert str(world.viewer.id) not in browser.text
        await refused(await client.post("/graphql", json=[query, query], headers=headers), 400, "BAD_REQUEST")
        files = {"operations": (None, '{"query": "{ me { id } }"}'), "map": (None, "{}")}
        for arguments in ({"files": files}, {"data": query}, {"content": b"{ me { id } }"}):
            answer = await client.post("/graphql", headers=headers, **arguments)
            await refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
        for body in (b"", b"{", b"\xff", b"[" * 100_000, b'{"query": 1}', b"{}", b"null", b'{"query": ""}'):
            answer = await client.post(
                "/graphql", content=body, headers={**headers, "Content-Type": "application/json"}
            )
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST", body
    # Nothing is asked of the database but who calls.
    assert all("FROM users" in statement for statement in seen)
