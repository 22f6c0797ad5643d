"""What the GraphQL door answers to what it cannot use, and that it names bad fields as REST does."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.core.tokens import Tokens
from tests.conftest import SECRET
from tests.doors.door import Door, DoorError
from tests.doors.people import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

JSON = {"Content-Type": "application/json"}
LIMIT = 1024 * 1024


@pytest.fixture
def client(client: httpx.AsyncClient, world: World) -> httpx.AsyncClient:
    """A client who is signed in: nobody is told anything but that."""
    client.headers["Authorization"] = f"Bearer {world.editor.token}"
    return client


def refusal(response: httpx.Response, *, failed: str | None = None) -> dict[str, Any]:
    """Check the shape of an answer that is one error and return its extensions; a root field may have failed."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["data"] == ({failed: None} if failed else None)
    [error] = body["errors"]
    assert set(error) <= {"message", "locations", "path", "extensions"}
    assert error["message"]
    extensions: dict[str, Any] = error["extensions"]
    assert list(extensions) == ["code", "details", "request_id"]
    assert extensions["request_id"] == response.headers["x-request-id"]
    return extensions


MALFORMED = {
    "empty": b"",
    "cut off": b'{"query": ',
    "invalid UTF-8": b'{"query": "\xff\xfe"}',
    "a number of 5,000 digits": b'{"query": ' + b"1" * 5000 + b"}",
    "100,000 open brackets": b"[" * 100_000,
    "100,000 nested objects": b'{"a":' * 100_000,
    "a list": b"[]",
    "a batch": b'[{"query": "{ __typename }"}]',
    "text": b'"{ __typename }"',
    "null": b"null",
    "a number": b"7",
    "no query": b'{"variables": {}}',
    "a query that is null": b'{"query": null}',
    "an empty query": b'{"query": ""}',
    "a query that is a number": b'{"query": 7}',
    "variables that are a list": b'{"query": "{ __typename }", "variables": [1]}',
    "variables that are text": b'{"query": "{ __typename }", "variables": "x"}',
    "extensions that are a list": b'{"query": "{ __typename }", "extensions": []}',
    "variables that are an empty list": b'{"query": "{ __typename }", "variables": []}',
    "an operation name that is a number": b'{"query": "query a { __typename }", "operationName": 7}',
    "an operation name that is a list": b'{"query": "query a { __typename }", "operationName": ["a"]}',
    "a persisted query": b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a"}}}',
}


async def test_one_of_several_operations_must_be_named(client: httpx.AsyncClient) -> None:
    query = "query a { __typename } query b { __typename }"
    for name in (None, "", "c", "A"):
        refused = await client.post("/graphql", json={"query": query, "operationName": name})
        assert (refused.status_code, refusal(refused)["code"]) == (200, "BAD_REQUEST")
    named = await client.post("/graphql", json={"query": query, "operationName": "b"})
    assert named.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_operation_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/graphql", content=body, headers=JSON)
    assert (response.status_code, refusal(response)["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_any_type_but_json_is_unsupported(client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert (response.status_code, refusal(response)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65536):
        yield body[start : start + 65536]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_one_mebibyte_is_read_and_a_byte_more_is_too_large(
    client: httpx.AsyncClient, *, chunked: bool
) -> None:
    async def send(size: int) -> httpx.Response:
        begin, end = b'{"query": "{ __typename }", "more": "', b'"}'
        body = begin + b"x" * (size - len(begin) - len(end)) + end
        return await client.post("/graphql", content=in_chunks(body) if chunked else body, headers=JSON)

    assert (await send(LIMIT)).json() == {"data": {"__typename": "Query"}}
    response = await send(LIMIT + 1)
    assert (response.status_code, refusal(response)["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_operations_by_get_are_refused_with_the_method_that_is_allowed(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ __typename }"})
    assert (response.status_code, refusal(response)["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("query", "line_and_column"),
    [
        ("{ me { ", (1, 8)),
        ("{\n  nope\n}", (2, 3)),
        ("{ me(colour: 1) { name } }", (1, 6)),
        ("{ me { name { first } } }", (1, 13)),
        ("{ me }", (1, 3)),
        ("{ ...Nobody }", (1, 6)),
        ("mutation { me }", (1, 12)),
        ("query($a: Colour) { __typename }", (1, 7)),
    ],
)
async def test_a_document_that_does_not_fit_the_schema_is_a_bad_request_with_its_place(
    client: httpx.AsyncClient, query: str, line_and_column: tuple[int, int]
) -> None:
    response = await client.post("/graphql", json={"query": query})
    assert response.status_code == 200
    errors = response.json()["errors"]
    assert {error["extensions"]["code"] for error in errors} == {"BAD_REQUEST"}
    line, column = line_and_column
    assert errors[0]["locations"][0] == {"line": line, "column": column}
    assert errors[0]["extensions"]["request_id"] == response.headers["x-request-id"]


ITEM = "query($id: UUID!) { item(id: $id) { title } }"


@pytest.mark.parametrize("variables", [{}, {"id": None}, {"id": 7}, {"id": "x"}, {"id": ["x"]}, {"id": {}}])
async def test_a_missing_or_ill_typed_variable_is_a_validation_error_by_its_path(
    client: httpx.AsyncClient, variables: dict[str, Any]
) -> None:
    response = await client.post("/graphql", json={"query": ITEM, "variables": variables})
    extensions = refusal(response)
    assert (response.status_code, extensions["code"]) == (200, "VALIDATION_ERROR")
    assert [field["path"] for field in extensions["details"]["fields"]] == ["id"]


@pytest.mark.parametrize("cursor", ["nonsense", "", "W10", "bnVsbA"])
async def test_a_bad_cursor_is_a_bad_request(client: httpx.AsyncClient, world: World, cursor: str) -> None:
    query = "query($after: String) { items(after: $after) { nodes { title } } }"
    response = await client.post(
        "/graphql",
        json={"query": query, "variables": {"after": cursor}},
        headers={"Authorization": f"Bearer {world.editor.token}"},
    )
    assert (response.status_code, refusal(response, failed="items")["code"]) == (200, "BAD_REQUEST")


@pytest.mark.parametrize(
    "call",
    [
        'items(filter: {createdFrom: "tomorrow"}) { nodes { id } }',
        "items(filter: {createdFrom: 7}) { nodes { id } }",
        'changes(workspaceId: "00000000-0000-0000-0000-000000000000", after: 9007199254740992) { seq }',
        'changes(workspaceId: "00000000-0000-0000-0000-000000000000", after: "1") { seq }',
    ],
)
async def test_a_literal_that_does_not_fit_is_refused_and_no_internal_error(
    client: httpx.AsyncClient, call: str
) -> None:
    response = await client.post("/graphql", json={"query": f"{{ {call} }}"})
    assert (response.status_code, refusal(response)["code"]) == (200, "BAD_REQUEST")


async def test_expired_and_forged_tokens_are_told_apart(client: httpx.AsyncClient, world: World) -> None:
    whose = (world.editor.id, world.editor.session)
    expired = Tokens(SECRET, lifetime=timedelta(seconds=-1)).issue(*whose)
    forged = Tokens("another secret, as long as the first one", lifetime=timedelta(hours=1)).issue(*whose)
    said = []
    for token in (expired, forged):
        response = await client.post(
            "/graphql", json={"query": "{ me { name } }"}, headers={"Authorization": f"Bearer {token}"}
        )
        assert refusal(response)["code"] == "UNAUTHENTICATED"
        said.append(response.json()["errors"][0]["message"])
    assert said == [
        "The access token has expired. Refresh the session, or sign in again.",
        "The access token is not valid.",
    ]


async def test_an_error_of_one_field_is_told_with_its_path(client: httpx.AsyncClient, world: World) -> None:
    query = f'{{ me {{ name }} good: workspaces {{ nodes {{ id }} }} item(id: "{uuid4()}") {{ title }} }}'
    response = await client.post(
        "/graphql", json={"query": query}, headers={"Authorization": f"Bearer {world.editor.token}"}
    )
    [error] = response.json()["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["item"], "NOT_FOUND")


LONG = "x" * 10_001
TITLE = {"title": "Good"}
PASSWORDS = {"password": "Password1", "password_confirm": "Password1"}
BAD_INPUTS: list[tuple[str, dict[str, Any], dict[str, Any], set[str]]] = [
    ("create_user", {}, {}, {"name", "email", "password", "password_confirm"}),
    ("create_user", {}, {"name": "A", "email": "a@example.com", **PASSWORDS, "role": "king"}, {"role"}),
    ("create_user", {}, {"name": " ", "email": "nobody", **PASSWORDS}, {"name", "email"}),
    (
        "create_user",
        {},
        {"name": "A", "email": "a@b.example", **PASSWORDS, "password_confirm": "Other1"},
        {"password_confirm"},
    ),
    (
        "create_user",
        {},
        {"name": "A", "email": "a@b.example", "password": "short", "password_confirm": "short"},
        {"password"},
    ),
    ("create_user", {}, {"name": 7, "email": "a@b.example", **PASSWORDS, "nope": 1}, {"name", "nope"}),
    ("login", {}, {"email": "a@b.example"}, {"password"}),
    ("login", {}, {"email": ["a"], "password": "x"}, {"email"}),
    ("login", {}, {"email": "a@b.example", "password": "x", "refresh_in_cookie": "yes"}, {"refresh_in_cookie"}),
    ("refresh_session", {}, {"refresh_token": 7, "nope": 1}, {"refresh_token", "nope"}),
    ("refresh_session", {}, {"refresh_token": "x" * 201}, {"refresh_token"}),
    ("update_me", {}, {"name": "", "email": None}, {"name", "email"}),
    ("update_user", {"id": uuid4()}, {"disabled": "yes", "role": "king"}, {"disabled", "role"}),
    ("create_workspace", {}, {}, {"name"}),
    ("create_workspace", {}, {"id": "mine", "name": "x" * 101}, {"id", "name"}),
    ("update_workspace", {"id": uuid4()}, {"name": None}, {"name"}),
    ("update_workspace", {"id": "mine"}, {"name": "Good"}, {"id"}),
    ("add_member", {"id": uuid4()}, {"email": "x"}, {"email"}),
    ("add_member", {"id": uuid4()}, {"user_id": str(uuid4()), "role": "king"}, {"role"}),
    ("add_member", {"id": uuid4()}, {}, {"email"}),
    ("update_member", {"id": uuid4(), "user_id": uuid4()}, {}, {"role"}),
    ("create_item", {}, {}, {"title"}),
    ("create_item", {}, {"title": "\x00"}, {"title"}),
    ("create_item", {}, {"title": "x" * 201, "description": "y" * 20_001}, {"title", "description"}),
    ("create_item", {}, {**TITLE, "status": "lost", "priority": 2.5}, {"status", "priority"}),
    ("create_item", {}, {**TITLE, "priority": 5, "due_at": "2026-01-01T00:00:00"}, {"priority", "due_at"}),
    ("create_item", {}, {**TITLE, "priority": "3"}, {"priority"}),
    ("create_item", {}, {**TITLE, "tags": ["a", "b", "c", "x" * 51]}, {"tags.3"}),
    ("create_item", {}, {**TITLE, "tags": ["a", 7, None]}, {"tags.1", "tags.2"}),
    ("create_item", {}, {**TITLE, "tags": [f"t{index}" for index in range(21)]}, {"tags"}),
    ("create_item", {}, {**TITLE, "fields": [1]}, {"fields"}),
    ("create_item", {}, {**TITLE, "fields": {"a": "\x00"}}, {"fields"}),
    ("create_item", {}, {**TITLE, "fields": {"a": "x" * 16_384}}, {"fields"}),
    (
        "create_item",
        {},
        {**TITLE, "assignee_id": "me", "workspace_id": 7, "nope": 1},
        {"assignee_id", "workspace_id", "nope"},
    ),
    ("update_item", {"id": uuid4()}, {"title": None, "tags": None, "fields": None}, {"title", "tags", "fields"}),
    ("update_item", {"id": uuid4()}, {"tags": ["ok", " "], "workspace_id": str(uuid4())}, {"tags.1", "workspace_id"}),
    ("create_message", {}, {}, {"body"}),
    ("create_message", {}, {"body": LONG, "item_id": "x"}, {"body", "item_id"}),
    ("create_message", {}, {"body": " \n "}, {"body"}),
    ("update_message", {"id": uuid4()}, {"body": None, "author_id": str(uuid4())}, {"body", "author_id"}),
]


@pytest.mark.parametrize(
    ("operation", "arguments", "data", "expected"), BAD_INPUTS, ids=[f"{row[0]}-{sorted(row[3])}" for row in BAD_INPUTS]
)
async def test_both_doors_name_the_same_bad_fields(
    door: Door, operation: str, arguments: dict[str, Any], data: dict[str, Any], expected: set[str]
) -> None:
    with pytest.raises(DoorError) as caught:
        await door.call(operation, data=data, **{name: str(value) for name, value in arguments.items()})
    assert caught.value.code == "VALIDATION_ERROR"
    assert caught.value.paths == expected
