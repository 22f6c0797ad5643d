"""Both doors behind one interface, so that a scenario is written once.

An operation is called by its service name with REST's words; what it answers is REST's shape. The
GraphQL door translates there and back by what the schema says, without a table of operations.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from fastapi import FastAPI
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
)

from api.config import Settings
from graphql_schema.schema import create_schema


class DoorError(Exception):
    """An error that a door answered with."""

    def __init__(self, code: str, message: str, details: dict[str, Any], status: int) -> None:
        super().__init__(f"{code}: {message} {details}")
        self.code = code
        self.message = message
        self.details = details
        self.status = status

    @property
    def paths(self) -> set[str]:
        """The paths of invalid fields."""
        return {problem["path"] for problem in self.details.get("fields", [])}


class Door(Protocol):
    """Calls operations by their service names."""

    name: str
    app: FastAPI
    client: httpx.AsyncClient

    async def call(
        self,
        operation: str,
        *,
        token: str | None = None,
        data: Any = None,
        expected_version: Any = None,
        key: Any = None,
        **arguments: Any,
    ) -> Any:
        """Call an operation.

        Args:
            operation: e.g. `update_item`.
            token: the access token of who calls.
            data: the body, with REST's names and values.
            expected_version: the version for `If-Match` or `expectedVersion`.
            key: the name under which it may be sent again, for `Idempotency-Key` or `idempotencyKey`.
            arguments: path and query parameters by REST's names.

        Returns:
            The body as REST would answer it; None for deletions.

        Raises:
            DoorError: the door answered with an error.
        """


@dataclass(frozen=True)
class Form:
    """The body of an upload, which is no JSON: its fields, and its files as name, bytes and media type."""

    fields: dict[str, str]
    files: list[tuple[str, tuple[str, bytes, str]]]


@dataclass(frozen=True)
class Raw:
    """A body that is neither JSON nor a form, and what the head says beside it."""

    content: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _authorization(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token is not None else {}


@dataclass
class RestDoor:
    """Finds method and path of an operation in the OpenAPI document."""

    app: FastAPI
    client: httpx.AsyncClient
    name: str = "rest"
    _operations: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._operations = _rest_operations(self.app)

    async def call(
        self,
        operation: str,
        *,
        token: str | None = None,
        data: Any = None,
        expected_version: Any = None,
        key: Any = None,
        **arguments: Any,
    ) -> Any:
        """Send the request."""
        method, path = self._operations[operation]
        form: Form | None = arguments.pop("form", None)
        raw: Raw | None = arguments.pop("raw", None)
        for name in re.findall(r"\{(\w+)\}", path):
            path = path.replace(f"{{{name}}}", str(arguments.pop(name)))
        headers = _authorization(token)
        if expected_version is not None:
            headers["If-Match"] = f'"{expected_version}"'
        if key is not None:
            headers["Idempotency-Key"] = key
        body: dict[str, Any] = {"json": data} if form is None else {"data": form.fields, "files": form.files}
        if raw is not None:
            headers |= raw.headers
            body = {"content": raw.content}
        response = await self.client.request(
            method, path, params={k: v for k, v in arguments.items() if v is not None}, headers=headers, **body
        )
        if response.is_error:
            assert response.headers["content-type"] == "application/problem+json"
            problem = response.json()
            error = problem["error"]
            assert (problem["status"], problem["detail"]) == (response.status_code, error["message"])
            assert error["request_id"] == response.headers["x-request-id"]
            raise DoorError(error["code"], error["message"], error["details"], response.status_code)
        if not response.content:
            return None
        is_json = response.headers["content-type"] == "application/json"
        return response.json() if is_json else response.content


_operations: dict[str, tuple[str, str]] = {}


def _rest_operations(app: FastAPI) -> dict[str, tuple[str, str]]:
    """Return method and path by operation; they are the same whatever the settings."""
    if not _operations:
        for path, methods in app.openapi()["paths"].items():
            for method, operation in methods.items():
                _operations[operation["operationId"]] = (method.upper(), path)
    return _operations


# Where REST names the thing in the path and GraphQL in an argument of another name.
_RENAMED = {"list_members": "workspace_id", "list_changes": "workspace_id"} | dict.fromkeys(
    ("add_member", "update_member", "remove_member", "invite_member"), "workspace_id"
)
_PAGE = {"limit": "first", "cursor": "after"}


@dataclass
class GraphQLDoor:
    """Writes the document for an operation from the schema."""

    app: FastAPI
    client: httpx.AsyncClient
    name: str = "graphql"
    schema: GraphQLSchema = field(init=False)

    def __post_init__(self) -> None:
        self.schema = _built_schema()

    async def call(
        self,
        operation: str,
        *,
        token: str | None = None,
        data: Any = None,
        expected_version: Any = None,
        key: Any = None,
        **arguments: Any,
    ) -> Any:
        """Send the document."""
        kind, name, definition = self._find(operation)
        with_total = arguments.pop("include_total", False)
        values = {k: v for k, v in arguments.items() if v is not None}
        if operation in _RENAMED:
            values[_RENAMED[operation]] = values.pop("id")
        values = self._gather(definition, values)
        if data is not None:
            values["input"] = data
        if expected_version is not None:
            values["expectedVersion"] = expected_version
        variables = {
            key: _to_graphql(value, definition.args[key].type) if key in definition.args else value
            for key, value in values.items()
        }
        document = _document(kind, name, definition, list(variables), with_total=bool(with_total))
        body = {"query": document, "variables": variables, "extensions": {"idempotencyKey": key}}
        response = await self.client.post("/graphql", json=body, headers=_authorization(token))
        answer = response.json()
        if answer.get("errors"):
            error = answer["errors"][0]
            extensions = error["extensions"]
            assert extensions["request_id"] == response.headers["x-request-id"]
            raise DoorError(extensions["code"], error["message"], extensions["details"], response.status_code)
        if operation.startswith(
            ("delete_", "remove_", "logout", "revoke_session", "revoke_api_key", "revoke_invitation")
        ):
            return None
        return _to_rest(answer["data"][name], definition.type)

    def _find(self, operation: str) -> tuple[str, str, GraphQLField]:
        """Return kind, name and definition of the field that the naming rule gives the operation."""
        for verb in ("get_", "list_"):
            if operation.startswith(verb):
                name = _camel(operation.removeprefix(verb))
                assert self.schema.query_type is not None
                return "query", name, self.schema.query_type.fields[name]
        assert self.schema.mutation_type is not None
        name = _camel(operation)
        return "mutation", name, self.schema.mutation_type.fields[name]

    def _gather(self, definition: GraphQLField, values: dict[str, Any]) -> dict[str, Any]:
        """Give page arguments their names here and put filter fields into the filter."""
        gathered: dict[str, Any] = {}
        for name, value in values.items():
            key = _camel(name)
            if key not in definition.args and name in _PAGE:
                key = _PAGE[name]
            if key in definition.args:
                gathered[key] = value
            elif "filter" in definition.args:
                gathered.setdefault("filter", {})[name] = value
            else:
                gathered[key] = value
        return gathered


_schemas: list[GraphQLSchema] = []


def _built_schema() -> GraphQLSchema:
    if not _schemas:
        _schemas.append(build_schema(create_schema(Settings.model_construct()).as_str()))
    return _schemas[0]


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _document(kind: str, name: str, definition: GraphQLField, given: list[str], *, with_total: bool) -> str:
    known = [key for key in given if key in definition.args]
    declared = ", ".join(f"${key}: {definition.args[key].type}" for key in known)
    passed = ", ".join(f"{key}: ${key}" for key in known)
    head = f"{kind}({declared})" if declared else kind
    call = f"{name}({passed})" if passed else name
    return f"{head} {{ {call} {_selection(definition.type, with_total=with_total)} }}"


def _selection(type_: Any, *, with_total: bool = False) -> str:
    """Select the plain fields; of a connection its entries and its end, of a member its user, and parts of its own."""
    named = get_named_type(type_)
    if not isinstance(named, GraphQLObjectType):
        return ""
    if named.name.endswith("Connection"):
        total = "totalCount " if with_total else ""
        return f"{{ {total}pageInfo {{ hasNextPage endCursor }} nodes {_selection(named.fields['nodes'].type)} }}"
    plain = [key for key, value in named.fields.items() if not _is_object(value)]
    if "nodes" in named.fields:
        plain.append(f"nodes {_selection(named.fields['nodes'].type)}")
    if named.name == "Member":
        plain.append("user { id name }")
    plain += [f"{key} {_selection(named.fields[key].type)}" for key in _PARTS.get(named.name, ())]
    return f"{{ {' '.join(plain)} }}"


_PARTS = {"Upload": ("headers", "file")}
"""Fields that REST answers inside of a thing, too."""


def _is_object(field_: GraphQLField) -> bool:
    return isinstance(get_named_type(field_.type), GraphQLObjectType)


def _to_graphql(value: Any, type_: Any) -> Any:
    """Return REST's value with GraphQL's names; what does not fit goes as it is, to be refused."""
    if isinstance(type_, GraphQLNonNull):
        return _to_graphql(value, type_.of_type)
    if isinstance(type_, GraphQLList):
        if isinstance(value, list):
            return [_to_graphql(part, type_.of_type) for part in value]
        return _to_graphql(value, type_.of_type)
    if isinstance(type_, GraphQLEnumType):
        name = _enum_name(str(value))
        return name if name in type_.values else value
    if isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
        fields = type_.fields
        return {
            _camel(key): _to_graphql(part, fields[_camel(key)].type) if _camel(key) in fields else part
            for key, part in value.items()
        }
    return value


def _enum_name(value: str) -> str:
    """Return the GraphQL name: a sort such as `-created` is `CREATED_DESC`, others are in capitals."""
    if value.startswith("-"):
        return f"{value[1:].upper()}_DESC"
    if value in ("created", "updated", "due", "priority", "title", "name", "size"):
        return f"{value.upper()}_ASC"
    return value.upper()


_TOLD_HERE_ONLY = {"Member": ("id",), "Change": ("id",), "Workspace": ("role",), "File": ("thumbnail_url",)}
"""Fields without a counterpart: keys in one word, and the caller's own role."""


def _to_rest(value: Any, type_: Any) -> Any:  # noqa: PLR0911 - one return per kind of type
    """Return an answer in REST's shape."""
    if isinstance(type_, GraphQLNonNull):
        return _to_rest(value, type_.of_type)
    if value is None:
        return None
    if isinstance(type_, GraphQLList):
        return [_to_rest(part, type_.of_type) for part in value]
    if isinstance(type_, GraphQLEnumType):
        return value.lower()
    if not isinstance(type_, GraphQLObjectType):
        return value
    answer = {_snake(key): _to_rest(part, type_.fields[key].type) for key, part in value.items()}
    if type_.name.endswith("Connection"):
        info = answer["page_info"]
        following = info["end_cursor"] if info["has_next_page"] else None
        return {"data": answer["nodes"], "total": answer.get("total_count"), "next_cursor": following}
    if "nodes" in answer:
        answer["data"] = answer.pop("nodes")
    if type_.name == "Member":
        answer["user"]["email"] = answer.pop("email")
    for key in _TOLD_HERE_ONLY.get(type_.name, ()):
        answer.pop(key, None)
    return answer
