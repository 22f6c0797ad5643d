"""How much is said about what is wrong, and that nobody is told anything before it is known who calls."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.graphql.asking import statements

JSON = {"Content-Type": "application/json"}
KIB = 1024


async def findings(door: Door, world: World, operation: str, **arguments: Any) -> list[dict[str, str]]:
    """Return what a door says is wrong, after it said so in a small answer."""
    with pytest.raises(DoorError) as caught:
        await door.call(operation, token=world.editor.token, **arguments)
    assert caught.value.code == "VALIDATION_ERROR"
    fields: list[dict[str, str]] = caught.value.details["fields"]
    return fields


async def test_findings_end_at_a_hundred_and_say_so(door: Door, world: World) -> None:
    unknown = {f"u{number}": 0 for number in range(5000)}
    with pytest.raises(DoorError) as caught:
        await door.call("create_item", token=world.editor.token, data={"title": "", **unknown})
    details = caught.value.details
    assert (caught.value.code, len(details["fields"]), details["more"]) == ("VALIDATION_ERROR", 100, True)
    assert "title" in {field["path"] for field in details["fields"]}


@pytest.mark.parametrize("number", [100, 101])
async def test_a_hundred_findings_are_all_there_are(door: Door, world: World, number: int) -> None:
    with pytest.raises(DoorError) as caught:
        await door.call(
            "create_item", token=world.editor.token, data={"title": "Good", **{f"u{one}": 0 for one in range(number)}}
        )
    assert (len(caught.value.details["fields"]), "more" in caught.value.details) == (100, number > 100)


@pytest.mark.parametrize("operation", ["create_item", "update_item"])
async def test_a_list_is_refused_for_its_length_before_its_elements(door: Door, world: World, operation: str) -> None:
    where = {"id": str(world.workspace)} if operation == "update_item" else {}
    data = {"tags": [""] * 50_000, **({} if where else {"title": "Good"})}
    found = await findings(door, world, operation, data=data, **where)
    assert found == [{"path": "tags", "message": "It must have at most 20 elements, and has 50000"}]


async def test_a_filter_is_refused_for_its_length_before_its_elements(door: Door, world: World) -> None:
    found = await findings(door, world, "list_items", status=["LOST"] * 500)
    assert found == [{"path": "status", "message": "It must have at most 10 elements, and has 500"}]


async def test_a_finding_quotes_no_more_than_a_person_reads(door: Door, world: World) -> None:
    found = await findings(door, world, "create_item", data={"title": "Good", "id": "x" * 50_000, "y" * 50_000: 1})
    assert len(found) == 2
    assert all(len(field["path"]) <= 200 and len(field["message"]) <= 300 for field in found)


@pytest.mark.parametrize("token", [None, "forged"])
@pytest.mark.parametrize("path", ["/api/items", "/api/workspaces", "/api/messages"])
async def test_nobody_is_told_who_he_is_not_before_the_body_is_read(
    app: FastAPI, client: httpx.AsyncClient, token: str | None, path: str
) -> None:
    headers = {**JSON, **({"Authorization": f"Bearer {token}"} if token else {})}

    async def never() -> Any:
        raise AssertionError("the body was read")
        yield b""

    with statements(app) as seen:
        response = await client.post(path, content=never(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"], seen) == (401, "UNAUTHENTICATED", [])


@pytest.mark.parametrize("variables", [{}, {"input": 7}, {"input": {"tags": [1] * 5000}}])
async def test_nobody_is_told_what_is_wrong_with_a_document(
    app: FastAPI, client: httpx.AsyncClient, variables: dict[str, Any]
) -> None:
    query = "mutation($input: ItemCreate!) { ...F } fragment F on Mutation { createItem(input: $input) { nope } }"
    with statements(app) as seen:
        answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    (error,) = answer["errors"]
    assert (answer["data"], error["extensions"]["code"], seen) == (None, "UNAUTHENTICATED", [])


async def test_whoever_is_not_signed_in_sends_little(client: httpx.AsyncClient, world: World) -> None:
    signed_in = {**JSON, "Authorization": f"Bearer {world.viewer.token}"}
    forged = {**JSON, "Authorization": "Bearer forged"}
    for path, body in (
        ("/api/auth/login", '{"email": "%s"}'),
        ("/graphql", '{"query": "{ __typename }", "more": "%s"}'),
    ):
        for headers in (JSON, forged):
            answer = await client.post(path, content=body % ("x" * 70_000), headers=headers)
            assert (answer.status_code, "PAYLOAD_TOO_LARGE" in answer.text) == (413, True)
            assert (await client.post(path, content=body % ("x" * 60_000), headers=headers)).status_code != 413
    large = await client.post("/graphql", content=body % ("x" * 1_000_000), headers=signed_in)
    assert large.json() == {"data": {"__typename": "Query"}}


class Chunks:
    """A body whose length nobody announced, and how much of it was read."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Hand out the body piece by piece."""
        while self.read < len(self.body):
            self.read += 16 * KIB
            yield self.body[self.read - 16 * KIB : self.read]


@pytest.mark.parametrize("headers", [JSON, {**JSON, "Authorization": "Bearer forged"}], ids=["nobody", "forged"])
@pytest.mark.parametrize("path", ["/api/auth/login", "/graphql"])
async def test_what_a_stranger_sends_is_cut_where_it_gets_large_and_unread_if_it_says_so(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    most, more, announced = [Chunks(b"{}".ljust(size * KIB)) for size in (64, 900, 900)]
    accepted = await client.post(path, content=most, headers=headers)
    refused = await client.post(path, content=more, headers=headers)
    at_once = await client.post(path, content=announced, headers={**headers, "Content-Length": f"{900 * KIB}"})
    assert (accepted.status_code != 413, most.read) == (True, 64 * KIB)
    assert (refused.status_code, "PAYLOAD_TOO_LARGE" in refused.text, more.read) == (413, True, 80 * KIB)
    assert (at_once.status_code, "PAYLOAD_TOO_LARGE" in at_once.text, announced.read) == (413, True, 0)


@pytest.mark.parametrize("path", ["/api/items", "/graphql"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
async def test_whoever_is_signed_in_sends_much_and_not_more(
    client: httpx.AsyncClient, world: World, path: str, chunked: bool
) -> None:
    headers = {**JSON, "Authorization": f"Bearer {world.editor.token}"}
    create = {"query": 'mutation { createItem(input: {title: "Large"}) { title } }'}
    body = json.dumps({"title": "Large"} if path == "/api/items" else create).encode()
    answers = []
    for size in (KIB * KIB, KIB * KIB + 1):
        sent = body.ljust(size)
        answers.append(await client.post(path, content=Chunks(sent) if chunked else sent, headers=headers))
    accepted, refused = answers
    assert (accepted.is_success, "errors" in accepted.json()) == (True, False)
    assert (refused.status_code, "PAYLOAD_TOO_LARGE" in refused.text) == (413, True)
    items = await client.get("/api/items", headers=headers)
    assert [item["title"] for item in items.json()["data"]] == ["Large"]
