"""Connections: pages either way, and what they say about themselves."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from db.engine import Database
from db.models import Item
from tests.doors.people import World
from tests.graphql.asking import ask, read

PAGE = """
query($w: UUID!, $sort: ItemSort!, $first: Int, $after: String, $last: Int, $before: String) {
  items(workspaceId: $w, sort: $sort, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { title } }
    nodes { title }
  }
}
"""


@pytest.fixture
async def five(app: FastAPI, world: World) -> World:
    """A workspace with the items a to e."""
    database: Database = app.state.database
    async with database.write() as uow:
        for title in "abcde":
            await uow.session.insert(Item(workspace_id=world.workspace, owner_id=world.editor.id, title=title))
    return world


async def page(client: httpx.AsyncClient, world: World, **arguments: Any) -> dict[str, Any]:
    variables = {"w": str(world.workspace), "sort": "TITLE_ASC", **arguments}
    connection: dict[str, Any] = (await read(client, world.viewer.token, PAGE, **variables))["items"]
    assert [edge["node"] for edge in connection["edges"]] == connection["nodes"]
    info = connection["pageInfo"]
    cursors = [edge["cursor"] for edge in connection["edges"]]
    ends = (cursors[0], cursors[-1]) if cursors else (None, None)
    assert (info["startCursor"], info["endCursor"]) == ends
    assert connection["totalCount"] == 5
    return connection


def shown(connection: dict[str, Any]) -> tuple[str, bool, bool]:
    """Return the titles, whether something precedes, and whether more follows."""
    info = connection["pageInfo"]
    titles = "".join(node["title"] for node in connection["nodes"])
    return titles, info["hasPreviousPage"], info["hasNextPage"]


async def test_a_walk_forwards(client: httpx.AsyncClient, five: World) -> None:
    pages = [await page(client, five, first=2)]
    while pages[-1]["pageInfo"]["hasNextPage"]:
        pages.append(await page(client, five, first=2, after=pages[-1]["pageInfo"]["endCursor"]))
    assert [shown(found) for found in pages] == [("ab", False, True), ("cd", True, True), ("e", True, False)]


async def test_a_walk_backwards_keeps_the_order_within_its_pages(client: httpx.AsyncClient, five: World) -> None:
    pages = [await page(client, five, last=2)]
    while pages[-1]["pageInfo"]["hasPreviousPage"]:
        pages.append(await page(client, five, last=2, before=pages[-1]["pageInfo"]["startCursor"]))
    assert [shown(found) for found in pages] == [("de", True, False), ("bc", True, True), ("a", False, True)]


async def test_both_cursors_bound_the_page(client: httpx.AsyncClient, five: World) -> None:
    cursors = [edge["cursor"] for edge in (await page(client, five))["edges"]]
    between = {"after": cursors[0], "before": cursors[4]}
    assert shown(await page(client, five, **between, first=10))[0] == "bcd"
    assert shown(await page(client, five, **between, first=2))[0] == "bc"
    assert shown(await page(client, five, **between, last=2))[0] == "cd"
    assert shown(await page(client, five, after=cursors[4], first=2)) == ("", True, False)
    assert shown(await page(client, five, before=cursors[0], last=2)) == ("", False, True)


async def test_sizes_out_of_range_and_both_sizes_at_once_are_refused(client: httpx.AsyncClient, five: World) -> None:
    for arguments, path in (
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"first": -1}, "first"),
        ({"last": 0}, "last"),
        ({"last": 101}, "last"),
        ({"first": 1, "last": 1}, "last"),
    ):
        answer = await ask(client, five.viewer.token, PAGE, w=str(five.workspace), sort="TITLE_ASC", **arguments)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "VALIDATION_ERROR"
        assert [field["path"] for field in error["extensions"]["details"]["fields"]] == [path]
        assert answer["data"] is None


async def test_the_total_counts_what_fits_the_filter(client: httpx.AsyncClient, five: World) -> None:
    query = """query($w: UUID!) {
      all: items(workspaceId: $w, first: 1) { totalCount }
      some: items(workspaceId: $w, first: 1, filter: {text: "b"}) { totalCount }
      none: items(workspaceId: $w, filter: {text: "x"}) { totalCount nodes { id } }
      workspace(id: $w) { items(first: 2) { totalCount nodes { title } } messages { totalCount } }
    }"""
    data = await read(client, five.viewer.token, query, w=str(five.workspace))
    assert [data[name]["totalCount"] for name in ("all", "some", "none")] == [5, 1, 0]
    assert data["workspace"]["items"]["totalCount"] == 5
    assert len(data["workspace"]["items"]["nodes"]) == 2
    assert data["workspace"]["messages"]["totalCount"] == 0


async def test_a_nested_connection_is_walked_by_its_own_cursors(client: httpx.AsyncClient, five: World) -> None:
    query = """query($w: UUID!, $after: String, $before: String) { workspace(id: $w) {
      on: items(sort: TITLE_ASC, first: 2, after: $after) { nodes { title } pageInfo { hasNextPage endCursor } }
      back: items(sort: TITLE_ASC, last: 2, before: $before) {
        nodes { title } pageInfo { hasPreviousPage startCursor } }
    } }"""
    forward, backward = "", ""
    after = before = None
    for _ in range(3):
        data = (await read(client, five.viewer.token, query, w=str(five.workspace), after=after, before=before))[
            "workspace"
        ]
        forward += "".join(node["title"] for node in data["on"]["nodes"])
        backward = "".join(node["title"] for node in data["back"]["nodes"]) + backward
        after, before = data["on"]["pageInfo"]["endCursor"], data["back"]["pageInfo"]["startCursor"]
    assert (forward, backward) == ("abcde", "abcde")
    assert not data["on"]["pageInfo"]["hasNextPage"]
    assert not data["back"]["pageInfo"]["hasPreviousPage"]
