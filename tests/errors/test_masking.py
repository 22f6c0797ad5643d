"""The unforeseen: clients hear INTERNAL_ERROR and nothing else, the log has it whole and once."""

from collections.abc import Iterator
from typing import Any, NoReturn

import httpx
import pytest
from fastapi import FastAPI

from api.services import items, messages, users
from db.engine import Database
from tests.conftest import client_of
from tests.doors.door import Door
from tests.doors.people import World
from tests.errors.captured_log import CapturedLog, captured_log
from tests.errors.socket import connected

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

INSIDE = "SELECT secret FROM vault -- in /srv/app/inside.py"
SENTENCE = "Something went wrong on the server. It has been logged."
MASKED: dict[str, Any] = {"code": "INTERNAL_ERROR", "details": {}}


async def explode(*_: Any, **__: Any) -> NoReturn:
    """Fail as nobody foresaw."""
    raise RuntimeError(INSIDE)


@pytest.fixture
def log(app: FastAPI) -> Iterator[CapturedLog]:
    """The application's log."""
    with captured_log() as log:
        yield log


def check_hidden_and_logged(response: httpx.Response, log: CapturedLog) -> None:
    """Check that the client learns nothing, and the operator everything."""
    assert "vault" not in response.text
    assert "inside.py" not in response.text
    assert "RuntimeError" not in response.text
    [told] = [line for line in log.lines if "exception" in line]
    assert told["request_id"] == response.headers["x-request-id"]
    assert told["exception"].endswith(f"RuntimeError: {INSIDE}\n")
    assert "in explode" in told["exception"]
    [line] = log.events("request")
    assert line["request_id"] == told["request_id"]
    assert line["errors"] == ["INTERNAL_ERROR"]


def bearer(person: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


async def test_rest_masks_a_failing_read(
    client: httpx.AsyncClient, world: World, log: CapturedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "get_me", explode)
    response = await client.get("/api/users/me", headers=bearer(world.editor))
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["detail"], body["error"]["message"]) == (SENTENCE, SENTENCE)
    assert (body["error"]["code"], body["error"]["details"]) == ("INTERNAL_ERROR", {})
    check_hidden_and_logged(response, log)


async def test_graphql_masks_a_failing_query(
    client: httpx.AsyncClient, world: World, log: CapturedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "get_me", explode)
    response = await client.post("/graphql", json={"query": "{ me { name } }"}, headers=bearer(world.editor))
    assert response.status_code == 200
    extensions: dict[str, Any] = {**MASKED, "request_id": response.headers["x-request-id"]}
    place = {"path": ["me"], "locations": [{"line": 1, "column": 3}]}
    assert response.json() == {
        "data": {"me": None},
        "errors": [{"message": SENTENCE, **place, "extensions": extensions}],
    }
    check_hidden_and_logged(response, log)


async def test_a_write_that_fails_after_it_wrote_is_masked_and_undone(
    app: FastAPI, door: Door, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = items.create_item

    async def create_and_explode(*arguments: Any) -> NoReturn:
        await create(*arguments)
        await explode()

    with captured_log() as log:
        monkeypatch.setattr(items, "create_item", create_and_explode)
        response = await _create_item(door, client, world)
        check_hidden_and_logged(response, log)
    monkeypatch.undo()

    log_of_changes = await door.call("list_changes", token=world.viewer.token, id=str(world.workspace))
    assert log_of_changes["seq"] == 4
    items_left = await door.call("list_items", token=world.viewer.token, workspace_id=str(world.workspace))
    assert items_left["data"] == []
    database: Database = app.state.database
    assert all(engine.pool.checkedout() == 0 for engine in database.engines)  # type: ignore[attr-defined]


async def _create_item(door: Door, client: httpx.AsyncClient, world: World) -> httpx.Response:
    data = {"title": "Half", "workspaceId": str(world.workspace)}
    if door.name == "graphql":
        query = "mutation($input: ItemCreate!) { createItem(input: $input) { id } }"
        body: dict[str, Any] = {"query": query, "variables": {"input": data}}
        return await client.post("/graphql", json=body, headers=bearer(world.editor))
    body = {"title": "Half", "workspace_id": str(world.workspace)}
    return await client.post("/api/items", json=body, headers=bearer(world.editor))


@pytest.mark.parametrize(
    ("service", "name", "field", "errors"),
    [
        (users, "get_users", "owner { name }", 1),
        # Null is allowed here, so the error stands at each of the three items.
        (users, "get_users", "assignee { name }", 3),
        (messages, "list_messages_of_items", "messages { nodes { body } }", 1),
    ],
    ids=["required", "optional", "list"],
)
async def test_graphql_masks_a_failing_relation_and_logs_the_one_failure_once(
    client: httpx.AsyncClient,
    rest: Door,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    service: Any,
    name: str,
    field: str,
    errors: int,
) -> None:
    for _ in range(3):
        data = {"title": "One", "assignee_id": str(world.editor.id)}
        await rest.call("create_item", token=world.editor.token, data=data)
    monkeypatch.setattr(service, name, explode)
    with captured_log() as log:
        query = f"{{ items {{ nodes {{ title {field} }} }} }}"
        response = await client.post("/graphql", json={"query": query}, headers=bearer(world.editor))
        found = response.json()["errors"]
        assert [error["message"] for error in found] == [SENTENCE] * errors
        check_hidden_and_logged(response, log)


async def test_the_server_itself_masks_what_breaks_before_an_operation(
    app: FastAPI, log: CapturedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.auth.authenticate", explode)
    async with client_of(app) as client:
        for method, path in (("GET", "/api/items"), ("POST", "/graphql")):
            body = {"query": "{ me { name } }"} if path == "/graphql" else None
            response = await client.request(method, path, json=body, headers={"Authorization": "Bearer x"})
            assert "vault" not in response.text
            assert "INTERNAL_ERROR" in response.text
    assert [line["errors"] for line in log.events("request")] == [["INTERNAL_ERROR"]] * 2
    assert len([line for line in log.lines if "exception" in line]) == 2


async def test_a_socket_carries_the_same_mask(
    app: FastAPI, world: World, log: CapturedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "get_me", explode)
    async with connected(app) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {world.viewer.token}"}})
        assert await socket.receive() == {"type": "connection_ack"}
        await socket.send({"id": "1", "type": "subscribe", "payload": {"query": "{ me { name } }"}})
        answer = await socket.receive()
    [told] = [line for line in log.lines if "exception" in line]
    [line] = log.events("request")
    [error] = answer["payload"]["errors"] if answer["type"] == "next" else answer["payload"]
    assert (error["message"], error["path"]) == (SENTENCE, ["me"])
    assert error["extensions"] == {**MASKED, "request_id": told["request_id"]}
    assert told["exception"].endswith(f"RuntimeError: {INSIDE}\n")
    assert "vault" not in str(answer)
    assert (line["method"], line["request_id"]) == ("WEBSOCKET", told["request_id"])
