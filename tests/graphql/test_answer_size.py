"""What an answer may weigh: a price before it is executed, a budget of bytes while it is."""

import httpx
import pytest
from fastapi import FastAPI
from graphql import get_introspection_query

from tests.conftest import AppFactory, client_of
from tests.doors.people import World
from tests.graphql.asking import ask, read, statements
from tests.streams.subscribing import subscribed

MIB = 1024 * 1024
LONG = "é" * 20_000
TOO_LARGE = {"limit": "bytes", "maximum": MIB}
ALL = "{ items(first: 100) { nodes { id description } } }"


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """The application with the smallest budget there is."""
    app: FastAPI = await make_app(answer_max_bytes=MIB)
    return app


@pytest.fixture
async def long_items(app: FastAPI, client: httpx.AsyncClient, world: World) -> list[str]:
    """Items of 40,000 bytes each, more of them than an answer holds."""
    headers = {"Authorization": f"Bearer {world.editor.token}"}
    ids = []
    for number in range(27):
        body = {"title": f"t{number}", "description": LONG}
        created = await client.post("/api/items", json=body, headers=headers)
        ids.append(created.json()["id"])
    return ids


async def test_an_answer_that_is_too_large_is_refused_with_the_numbers(
    client: httpx.AsyncClient, world: World, long_items: list[str]
) -> None:
    token = world.editor.token
    answer = await ask(client, token, ALL)
    (error,) = answer["errors"]
    assert (answer["data"], error["extensions"]["code"]) == (None, "QUERY_TOO_COMPLEX")
    assert error["extensions"]["details"] == TOO_LARGE
    fewer = await read(client, token, ALL.replace("100", "26"))
    assert [node["description"] for node in fewer["items"]["nodes"]] == [LONG] * 26


async def test_an_answer_is_written_in_letters(client: httpx.AsyncClient, world: World, long_items: list[str]) -> None:
    headers = {"Authorization": f"Bearer {world.editor.token}"}
    answer = await client.post("/graphql", json={"query": ALL.replace("100", "1")}, headers=headers)
    assert LONG.encode() in answer.content
    assert b"\\u" not in answer.content


async def test_execution_ends_early(
    app: FastAPI, client: httpx.AsyncClient, world: World, long_items: list[str]
) -> None:
    relation = ALL.replace("description", "description owner { id }")
    with statements(app) as seen:
        answer = await ask(client, world.editor.token, relation)
    assert answer["errors"][0]["extensions"]["details"] == TOO_LARGE
    assert [statement for statement in seen if "FROM items" in statement]
    with statements(app) as fewer:
        await read(client, world.editor.token, relation.replace("100", "3"))
    assert len(seen) <= len(fewer)


async def test_a_rest_page_that_is_too_large_is_refused_with_the_same_numbers(
    client: httpx.AsyncClient, world: World, long_items: list[str]
) -> None:
    headers = {"Authorization": f"Bearer {world.editor.token}"}
    refused = await client.get("/api/items?limit=100", headers=headers)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["details"]) == (400, "QUERY_TOO_COMPLEX", TOO_LARGE)
    page = await client.get("/api/items?limit=20", headers=headers)
    assert len(page.json()["data"]) == 20


async def test_a_change_that_was_made_is_told_although_the_answer_is_too_large(
    client: httpx.AsyncClient, world: World, long_items: list[str]
) -> None:
    mutation = """mutation($input: ItemCreate!) {
        first: createItem(input: {title: "first"}) { title }
        second: createItem(input: $input) { title owner { items(first: 100) { nodes { description } } } }
        third: createItem(input: {title: "third"}) { title }
    }"""
    answer = await ask(client, world.editor.token, mutation, input={"title": "second"})
    assert answer["data"] == {"first": {"title": "first"}, "second": None, "third": None}
    assert [(error["path"], error["extensions"]["details"]) for error in answer["errors"]] == [
        (["second"], TOO_LARGE),
        (["third"], TOO_LARGE),
    ]
    titles = await read(client, world.editor.token, "{ items(first: 3) { nodes { title } } }")
    assert [node["title"] for node in titles["items"]["nodes"]] == ["second", "first", "t26"]


async def test_the_log_is_cut_where_a_page_would_be_refused_and_a_walk_misses_nothing(
    client: httpx.AsyncClient, world: World, long_items: list[str]
) -> None:
    headers = {"Authorization": f"Bearer {world.editor.token}"}
    walked, after = [], 0
    while True:
        path = f"/api/workspaces/{world.editor.home}/changes?after={after}&limit=100"
        page = (await client.get(path, headers=headers)).json()
        walked += [change["seq"] for change in page["data"]]
        after = walked[-1]
        if not page["has_more"]:
            break
        assert 0 < len(page["data"]) < 27
    assert walked == list(range(1, page["seq"] + 1))


async def test_an_event_that_is_too_large_tells_its_number_and_the_stream_goes_on(
    app: FastAPI, client: httpx.AsyncClient, world: World, long_items: list[str]
) -> None:
    watch = """subscription($w: UUID!) { changes(workspaceId: $w) {
        seq kind item { title owner { items(first: 100) { nodes { description } } } } } }"""
    place = str(world.editor.home)
    seq = (await read(client, world.editor.token, f'{{ workspace(id: "{place}") {{ seq }} }}'))["workspace"]["seq"]
    async with subscribed(app, world.editor.token, watch, w=place) as subscriber:
        headers = {"Authorization": f"Bearer {world.editor.token}"}
        await client.patch(f"/api/items/{long_items[0]}", json={"title": "new"}, headers=headers)
        refused = await subscriber.next()
        await client.delete(f"/api/items/{long_items[0]}", headers=headers)
        event = await subscriber.event()
    assert refused["data"] is None
    (error,) = refused["errors"]
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["extensions"]["details"] == {**TOO_LARGE, "seq": seq + 1}
    assert event["seq"] == seq + 2
    assert len(event["item"]["owner"]["items"]["nodes"]) == 26


async def test_long_texts_and_their_copies_are_priced(client: httpx.AsyncClient, world: World) -> None:
    copies = " ".join(f"c{n}: description" for n in range(5))
    query = f"{{ workspaces(first: 49) {{ nodes {{ items(first: 98) {{ nodes {{ {copies} }} }} }} }} }}"
    answer = await ask(client, world.viewer.token, query)
    # Each description counts 1, and 5 more for its 20,000 letters.
    expected = {"limit": "cost", "maximum": 20_000, "actual": 1 + 49 * (1 + 1 + 98 * (1 + 5 * 6))}
    assert answer["errors"][0]["extensions"]["details"] == expected


@pytest.mark.parametrize("size", ["0", "101", "-1", "2147483647"])
@pytest.mark.parametrize("way", ["literal", "default", "variable"])
async def test_a_size_out_of_range_is_one_error_before_anything_is_executed(
    app: FastAPI, client: httpx.AsyncClient, world: World, size: str, way: str
) -> None:
    argument = size if way == "literal" else "$n"
    head = {"literal": "query", "default": f"query($n: Int = {size})", "variable": "query($n: Int)"}[way]
    query = f"{head} {{ workspaces {{ nodes {{ items(first: {argument}) {{ nodes {{ id }} }} }} }} }}"
    with statements(app) as seen:
        answer = await ask(client, world.viewer.token, query, **({"n": int(size)} if way == "variable" else {}))
    (error,) = answer["errors"]
    assert (answer["data"], error["extensions"]["code"], len(seen)) == (None, "VALIDATION_ERROR", 1)
    assert error["extensions"]["details"]["fields"] == [{"path": "first", "message": "It must be between 1 and 100"}]


async def test_a_size_that_is_a_variable_nobody_gave_is_the_default(client: httpx.AsyncClient, world: World) -> None:
    query = "query($n: Int) { items(first: $n) { nodes { id } } }"
    assert await read(client, world.viewer.token, query) == {"items": {"nodes": []}}


@pytest.mark.parametrize("way", ["query { items(first: %s) { nodes { id } } }", "query($n: Int = %s) { me { id } }"])
async def test_a_number_without_end_is_no_internal_error(client: httpx.AsyncClient, world: World, way: str) -> None:
    for digits, code in ((11, "BAD_REQUEST"), (5000, "QUERY_TOO_COMPLEX")):
        answer = await ask(client, world.viewer.token, way % ("9" * digits))
        assert {error["extensions"]["code"] for error in answer["errors"]} == {code}


async def test_introspection_has_a_price_and_the_tools_own_passes(
    client: httpx.AsyncClient, make_app: AppFactory
) -> None:
    standard = get_introspection_query(
        schema_description=True, directive_is_repeatable=True, input_value_deprecation=True, specified_by_url=True
    )
    assert (await read(client, None, standard))["__schema"]["queryType"]["name"] == "Query"
    # The schema grows: some of what an answer may have is left to it.
    async with client_of(await make_app(graphql_max_cost=15_000)) as modest:
        assert (await read(modest, None, standard))["__schema"]["queryType"]["name"] == "Query"
    copies = " ".join(
        f"c{n}: __schema {{ types {{ fields {{ name args {{ name type {{ name kind }} }} }} }} }}" for n in range(29)
    )
    answer = await ask(client, None, f"{{ {copies} }}")
    assert answer["errors"][0]["extensions"]["details"]["limit"] == "cost"
    deep = "{ __schema { types { %s } } }" % ("fields { type { " * 30 + "name" + " } }" * 30)
    assert (await ask(client, None, deep))["data"] is None
