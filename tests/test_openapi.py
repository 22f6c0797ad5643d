"""The OpenAPI document says what is answered, and nothing that generators would stumble over."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema_rs import Draft202012Validator

from api.config import Settings
from api.core.errors import STATUS, ErrorCode
from api.main import create_app
from api.openapi import PUBLIC, TAGS, WITH_ADDRESS
from graphql_schema.schema import create_schema
from tests.conftest import AppFactory
from tests.doors.door import Door
from tests.doors.people import World
from tests.doors.test_matrix import CODES, EXPECTED

UNLOCKED = {*PUBLIC, "get_health", "get_ready"}
ALWAYS = ("x-request-id", "ratelimit", "ratelimit-policy")


@cache
def document() -> dict[str, Any]:
    generated: dict[str, Any] = create_app(Settings.model_construct(secret_key=None)).openapi()
    return generated


def operations() -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for methods in document()["paths"].values() for one in methods.values()}


def described(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield whatever has a description, and its path."""
    if isinstance(node, dict):
        if isinstance(node.get("description"), str):
            yield path, node
        for key, part in node.items():
            yield from described(part, f"{path}/{key}")
    elif isinstance(node, list):
        for part in node:
            yield from described(part, path)


def schemas(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema with a type, wherever it stands, and its path."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield path, node
        for key, part in node.items():
            yield from schemas(part, f"{path}/{key}")
    elif isinstance(node, list):
        for index, part in enumerate(node):
            yield from schemas(part, f"{path}/{index}")


def sent() -> dict[str, Any]:
    """Return the parameters and the schemas of bodies."""
    parameters = {name: one.get("parameters", []) for name, one in operations().items()}
    bodies = {name: one for name, one in document()["components"]["schemas"].items() if name in body_names()}
    return {**parameters, **bodies}


def body_names() -> set[str]:
    bodies = {name: one["requestBody"]["content"] for name, one in operations().items() if "requestBody" in one}
    carried = {name: set(bodies.pop(name)) for name in ("upload_files", "put_upload", "append_to_upload")}
    assert carried == {
        "upload_files": {"multipart/form-data"},
        "put_upload": {"*/*"},
        "append_to_upload": {"application/offset+octet-stream"},
    }
    assert all(set(body) == {"application/json"} for body in bodies.values())
    return {body["application/json"]["schema"]["$ref"].rsplit("/", 1)[1] for body in bodies.values()}


def test_it_is_a_document_of_the_version_that_it_names() -> None:
    assert document()["openapi"].startswith("3.1.")
    assert "itemSchema" not in str(document())
    stream = operations()["stream_changes"]["responses"]["200"]["content"]
    assert stream == {"text/event-stream": {"schema": {"type": "string"}}}


def test_which_workspace_is_meant_where_none_is_named_is_told_as_it_is() -> None:
    """A key for one workspace means that one; nobody asks for a ticket by a key."""
    told = [
        (path, node["description"])
        for path, node in [*described(document(), "paths"), *described(document()["components"], "")]
        if re.search("personal (workspace|one)", node["description"]) and "absent" in node["description"]
    ]
    assert told
    for path, text in told:
        assert ("API key" in text) != ("changes will be watched" in text), (path, text)
    for text in re.findall('"""([^"]*absent[^"]*)"""', create_schema(Settings.model_construct()).as_str()):
        assert "personal" not in text or "API key" in text or "changes will be watched" in text, text


def test_asked_twice_it_is_the_same() -> None:
    app = create_app(Settings.model_construct(secret_key=None))
    first = str(app.openapi())
    assert str(app.openapi()) == first == str(document())


def test_what_needs_no_token_shows_no_lock() -> None:
    locked = {name for name, one in operations().items() if one.get("security")}
    assert locked == set(operations()) - UNLOCKED
    for name in locked:
        assert operations()[name]["security"] == ([{"bearer": []}, {}] if name in WITH_ADDRESS else [{"bearer": []}])


def test_tags_are_described_and_the_server_is_where_the_document_is() -> None:
    used = {tag for one in operations().values() for tag in one["tags"]}
    assert document()["tags"] == TAGS
    assert {tag["name"] for tag in TAGS} == used
    assert [server["url"] for server in document()["servers"]] == ["/"]


def test_every_bounded_number_text_and_list_shows_its_bounds() -> None:
    for path, schema in schemas(document()["components"]["schemas"] | document()["paths"]):
        if schema["type"] in ("integer", "number"):
            assert {"minimum"} <= set(schema), path
        if schema["type"] == "array":
            assert "maxItems" in schema, path
    for path, schema in schemas({name: one for name, one in sent().items() if name in body_names()}):
        if schema["type"] == "string":
            assert {"maxLength", "format", "enum"} & set(schema), path
    text = {path for path, schema in schemas(document()) if {"ge", "le", "gt", "lt"} & set(schema)}
    assert text == set()


def test_what_has_a_default_may_be_left_out_and_what_is_answered_is_always_there() -> None:
    names = body_names()
    for name, schema in document()["components"]["schemas"].items():
        properties = schema.get("properties", {})
        if name in names:
            assert not [key for key, one in properties.items() if "default" in one], name
        elif properties:
            assert set(schema["required"]) == set(properties), name
    schemas_ = document()["components"]["schemas"]
    assert schemas_["ItemCreate"]["required"] == ["title"]
    for name in ("ItemCreate", "ItemRead"):
        assert schemas_[name]["properties"]["due_at"]["anyOf"] == [
            {"type": "string", "format": "date-time"},
            {"type": "null"},
        ]


def test_no_parameter_can_be_null() -> None:
    parameters = [one for operation in operations().values() for one in operation.get("parameters", [])]
    assert "null" not in {schema["type"] for _, schema in schemas(parameters)}


@pytest.mark.parametrize("code", [code.value for code in ErrorCode])
def test_the_example_of_an_error_has_the_code_of_its_status(code: str) -> None:
    components = document()["components"]
    problem = components["examples"][code]["value"]
    Draft202012Validator(components["schemas"]["Problem"]).validate(problem)
    assert problem["error"]["code"] == code
    assert problem["status"] == STATUS[ErrorCode(code)]
    assert problem["detail"] == problem["error"]["message"] == components["examples"][code]["summary"]


def test_whatever_refuses_somebody_is_documented() -> None:
    assert set(CODES.values()) - {"OK"} <= set(ErrorCode)
    for case, codes in EXPECTED.items():
        name = case.partition("/")[0]
        refusals = {str(STATUS[ErrorCode(code)]) for code in codes.values() if code != "OK"}
        assert refusals <= set(operations()[name]["responses"]), case


def test_only_what_takes_a_body_refuses_one() -> None:
    about_bodies = {name for name, one in operations().items() if {"413", "415"} <= set(one["responses"])}
    assert about_bodies == {name for name, one in operations().items() if "requestBody" in one}
    assert not [name for name, one in operations().items() if "413" in one["responses"] and name not in about_bodies]


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application that limits and says so, as it does by itself."""
    app: FastAPI = await make_app(rate_limits=True)
    return app


async def test_headers_are_documented_where_they_are_answered(
    rest: Door, world: World, client: httpx.AsyncClient
) -> None:
    token = {"Authorization": f"Bearer {world.editor.token}"}
    place = str(world.workspace)
    account = {"name": "New", "email": "new@example.com", "password": "Analytical1", "password_confirm": "Analytical1"}
    made: dict[str, str] = {}
    calls: list[tuple[str, str, str, Any]] = [("create_user", "POST", "/api/users", account)]
    for kind, body, change in (
        ("item", {"workspace_id": place, "title": "Seeds"}, {"title": "Weeds"}),
        ("message", {"workspace_id": place, "body": "Which?"}, {"body": "These."}),
        ("workspace", {"name": "Shed"}, {"name": "Barn"}),
    ):
        path = f"/api/{kind}s"
        created = await client.post(path, json=body, headers=token)
        made[kind] = f"{path}/{created.json()['id']}"
        assert created.headers["location"] == made[kind]
        assert documented_headers(created, f"create_{kind}") == {"etag", "location", *ALWAYS}
        calls += [(f"get_{kind}", "GET", made[kind], None), (f"update_{kind}", "PATCH", made[kind], change)]
    calls += [
        ("delete_item", "DELETE", made["item"], None),
        ("restore_item", "POST", f"{made['item']}/restore", None),
        ("get_me", "GET", "/api/users/me", None),
        ("list_items", "GET", "/api/items", None),
    ]
    for name, method, path, body in calls:
        answer = await client.request(method, path, json=body, headers=token)
        assert answer.is_success, answer.text
        documented_headers(answer, name)
    refused = await client.get("/api/users/me")
    assert documented_headers(refused, "get_me") == {"www-authenticate", *ALWAYS}


def documented_headers(answer: httpx.Response, name: str) -> set[str]:
    """Return the headers that mean something and came, which must be those that the document names."""
    entry = operations()[name]["responses"][str(answer.status_code)]
    known = {header.lower() for header in document()["components"]["headers"]}
    came = {header for header in answer.headers if header in known}
    assert came == {header.lower() for header in entry["headers"]}, name
    return came
