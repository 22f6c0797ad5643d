"""The log: one line per request that says who did what, and never a secret."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from api.schemas.sessions import Login
from api.services import items, users
from tests.conftest import client_of, make_settings, running
from tests.doors.people import World, make_world
from tests.errors.captured_log import CapturedLog, captured_log
from tests.errors.socket import connected

MARK = "Xyzzy-Plugh-42"

sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def log(app: FastAPI, world: World) -> Iterator[CapturedLog]:
    """The application's log, from when the people are there."""
    with captured_log() as log:
        yield log


def bearer(person: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


@sqlite
async def test_every_request_leaves_one_line_with_who_what_and_how_it_ended(
    client: httpx.AsyncClient, world: World, log: CapturedLog
) -> None:
    editor = bearer(world.editor)
    unknown = {"X-Request-ID": "none-of-them"}
    await client.get("/health")
    await client.get("/api/users/me", headers=editor)
    await client.get("/api/users/me", headers=unknown)
    await client.get("/nothing")
    await client.put("/api/items")
    await client.get("/api/items/x", headers=editor)
    await client.post("/api/items", content=b"{", headers={**editor, "Content-Type": "application/json"})
    await client.post(
        "/api/items", content=b"x" * (1024 * 1024 + 1), headers={**editor, "Content-Type": "application/json"}
    )
    await client.post("/graphql", json={"query": "{ me { name } again: workspaces { nodes { id } } }"}, headers=editor)
    await client.post("/graphql", json={"query": "mutation { deleteItem(id: $id) { deletedId } }"}, headers=editor)
    await client.post("/graphql", content=b"{", headers={"Content-Type": "application/json"})

    me = str(world.editor.id)
    assert [
        (line["method"], line["path"], line["operation"], line["actor"], line["status"], line.get("errors"))
        for line in log.events("request")
    ] == [
        ("GET", "/health", "get_health", "anonymous", 200, None),
        ("GET", "/api/users/me", "get_me", me, 200, None),
        ("GET", "/api/users/me", "get_me", "anonymous", 401, ["UNAUTHENTICATED"]),
        ("GET", "/nothing", None, "anonymous", 404, ["NOT_FOUND"]),
        ("PUT", "/api/items", "unknown", "anonymous", 405, ["METHOD_NOT_ALLOWED"]),
        ("GET", "/api/items/x", "get_item", me, 422, ["VALIDATION_ERROR"]),
        ("POST", "/api/items", "create_item", me, 400, ["BAD_REQUEST"]),
        ("POST", "/api/items", "create_item", me, 413, ["PAYLOAD_TOO_LARGE"]),
        ("POST", "/graphql", "me,workspaces", me, 200, None),
        ("POST", "/graphql", "deleteItem", me, 200, ["BAD_REQUEST"]),
        ("POST", "/graphql", "graphql", "anonymous", 400, ["BAD_REQUEST"]),
    ]
    for line in log.events("request"):
        assert set(line) - {"errors"} == {
            *("event", "logger", "level", "timestamp", "request_id"),
            *("method", "path", "client", "operation", "actor", "status", "duration_ms"),
        }
        assert line["level"] == "info"
        assert line["client"] == "127.0.0.1"
        assert line["duration_ms"] >= 0
    assert log.events("request")[2]["request_id"] == "none-of-them"


@sqlite
@pytest.mark.parametrize("given", ["a", "0123-abc.DEF_9", "x" * 64])
async def test_a_harmless_request_id_is_kept_in_answer_error_and_log(
    client: httpx.AsyncClient, log: CapturedLog, given: str
) -> None:
    response = await client.get("/nothing", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] == given
    assert response.json()["error"]["request_id"] == given
    assert [line["request_id"] for line in log.events("request")] == [given]


@sqlite
@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "{}", "é", "<script>", '"', "a;b"])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, log: CapturedLog, given: str) -> None:
    response = await client.get("/health", headers={b"X-Request-ID": given.encode()})
    own = response.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", own)
    assert [line["request_id"] for line in log.events("request")] == [own]


@sqlite
async def test_a_socket_leaves_one_line_when_it_ends(app: FastAPI, log: CapturedLog) -> None:
    async with connected(app) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {MARK}"}})
        assert await socket.receive() == {"type": "connection_ack"}
        assert log.events("request") == []
    [line] = log.events("request")
    assert (line["method"], line["path"]) == ("WEBSOCKET", "/graphql")
    assert MARK not in log.text


async def accounts(client: httpx.AsyncClient) -> None:
    """Sign up and sign in, well and badly."""
    email = "marked@example.com"
    account = {"name": "Marked", "email": email, "password": MARK, "password_confirm": MARK}
    assert (await client.post("/api/users", json=account)).status_code == 201
    assert (await client.post("/api/users", json=account)).status_code == 409
    assert (await client.post("/api/users", json={**account, "password_confirm": MARK + "!"})).status_code == 422
    signed_in = await client.post("/api/auth/login", json={"email": email, "password": MARK})
    assert signed_in.status_code == 200
    assert (await client.post("/api/auth/login", json={"email": email, "password": MARK + "!"})).status_code == 401
    assert (await client.post("/api/auth/login", json={"email": email, "password": [MARK]})).status_code == 422
    login = f'mutation {{ login(input: {{email: "{email}", password: "{MARK}"}}) {{ accessToken }} }}'
    token = (await client.post("/graphql", json={"query": login})).json()["data"]["login"]["accessToken"]
    me = await client.patch(
        "/api/users/me",
        json={"password": MARK + "2", "password_confirm": MARK + "2", "current_password": MARK},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert me.status_code == 200


async def bodies(client: httpx.AsyncClient, world: World) -> None:
    """Put the mark wherever a request can carry it."""
    editor = bearer(world.editor)
    as_json = {**editor, "Content-Type": "application/json"}
    for token in (MARK, f"{MARK}.{MARK}.{MARK}", f"{world.editor.token}{MARK}"):
        assert (await client.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    item = {"title": MARK, "description": MARK, "tags": [MARK], "fields": {MARK: MARK}}
    assert (await client.post("/api/items", json=item, headers=editor)).status_code == 201
    assert (await client.post("/api/items", json={**item, "status": MARK, MARK: 1}, headers=editor)).status_code == 422
    assert (await client.post("/api/items", content=f'{{"title": "{MARK}'.encode(), headers=as_json)).status_code == 400
    assert (await client.post("/api/items", content=MARK.encode(), headers=editor)).status_code == 415
    for query in (f"text={MARK}", f"sort={MARK}", f"cursor={MARK}", f"{MARK}={MARK}", f"workspace_id={MARK}"):
        assert (await client.get(f"/api/items?{query}", headers=editor)).status_code in (200, 400, 422)
    assert (await client.post("/api/messages", json={"body": MARK}, headers=editor)).status_code == 201
    for document in (
        f'{{ items(filter: {{text: "{MARK}"}}) {{ nodes {{ id }} }} }}',
        f'{{ items(after: "{MARK}") {{ nodes {{ id }} }} }}',
        f'{{ me(password: "{MARK}") {{ name }} }}',
        f"{{ me {{ name }} # {MARK}",
        f'mutation {{ createItem(input: {{title: "{MARK}"}}) {{ id }} }}',
    ):
        response = await client.post("/graphql", json={"query": document}, headers=editor)
        assert response.status_code == 200
    variables = {"input": {"title": MARK, "status": MARK, MARK: MARK}}
    create = "mutation($input: ItemCreate!) { createItem(input: $input) { id } }"
    await client.post("/graphql", json={"query": create, "variables": variables}, headers=editor)


async def failures(client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the database refuse marked rows, and break services in ways that quote what they were given."""
    taken = {"id": str(world.workspace), "name": MARK}
    assert (await client.post("/api/workspaces", json=taken, headers=bearer(world.stranger))).status_code == 409

    async def quote_a_statement(*_: Any, **__: Any) -> None:
        cause = ValueError("the driver's own words")
        raise DBAPIError(f"INSERT {MARK}", {"password": MARK}, cause)

    async def quote_an_input(*_: Any, **__: Any) -> None:
        try:
            Login.model_validate({"email": [MARK], "password": MARK})
        except ValidationError as error:
            raise RuntimeError("it broke while it read") from error

    for broken in (quote_a_statement, quote_an_input):
        monkeypatch.setattr(items, "create_item", broken)
        monkeypatch.setattr(users, "get_me", broken)
        response = await client.post("/api/items", json={"title": MARK}, headers=bearer(world.editor))
        assert response.status_code == 500
        response = await client.post("/graphql", json={"query": "{ me { name } }"}, headers=bearer(world.editor))
        assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    monkeypatch.undo()


@pytest.mark.parametrize("debug", [False, True])
async def test_no_line_ever_holds_a_password_a_token_or_a_body(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, debug: bool
) -> None:
    settings = make_settings(database_url, tmp_path, debug=debug, log_level="debug" if debug else "info")
    async with running(settings) as app, client_of(app) as client:
        world = await make_world(app)
        with captured_log() as log:
            await accounts(client)
            await bodies(client, world)
            await failures(client, world, monkeypatch)
        tokens = [person.token for person in (world.editor, world.stranger)]

    ours = [line for line in log.text.splitlines() if json.loads(line)["logger"] not in ("httpx", "httpcore")]
    assert len(log.events("request")) > 30
    assert len([line for line in log.lines if "exception" in line]) == 4
    assert any("INSERT INTO items" in line for line in ours) is debug
    for secret in (MARK, "Plugh", *tokens):
        assert [line for line in ours if secret in line] == []


SERVE_ONE_REQUEST = f"""
import asyncio, httpx
from pathlib import Path
from api.config import Settings
from api.main import create_app

async def main():
    app = create_app(Settings(_env_file=None, data_dir=Path("{{folder}}"), secret_key="{uuid4().hex}"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://twofold.test") as client:
        await client.get("/health", headers={{{{"X-Request-ID": "only-one"}}}})

asyncio.run(main())
"""


def test_lines_are_coloured_on_a_terminal_and_json_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVE_ONE_REQUEST.format(folder=tmp_path)]
    environment = {**os.environ, "LOG_FORMAT": "auto", "TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd())}

    piped = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    [line] = [json.loads(line) for line in piped.stderr.splitlines() if "httpx" not in line]
    assert (line["event"], line["request_id"], line["status"]) == ("request", "only-one", 200)
    assert "\x1b[" not in piped.stderr

    outer, inner = pty.openpty()
    try:
        subprocess.run(command, stdin=inner, stdout=inner, stderr=inner, check=True, env=environment)
        shown = os.read(outer, 65536).decode()
    finally:
        os.close(inner)
        os.close(outer)
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert len(re.findall(r"\brequest\b.*request_id=only-one", plain)) == 1
    assert "status=200" in plain
