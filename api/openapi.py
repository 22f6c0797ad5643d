"""The OpenAPI document: what FastAPI cannot know, put into words that every generator takes.

It is a 3.1 document, which generators understand, so it has nothing of 3.2.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from api.problems import PROBLEM_SCHEMA, examples
from api.server.budget_headers import HEADERS

DESCRIPTION = """A backend for team apps: accounts, workspaces, items, messages and files behind one set of services
with two doors, REST and GraphQL. Every operation here exists at `/graphql` under the same name, with the same rules and
errors, but for the bytes of files, which come and go here.

Sign up with `POST /api/users`, sign in with `POST /api/auth/login`, and send the access token as
`Authorization: Bearer …`. Before it expires, `POST /api/auth/refresh` answers another one. A program sends a key
from `POST /api/auth/api-keys` instead.
"""

TAGS = [
    {
        "name": "auth",
        "description": "Signing in, in two steps or with a provider if wanted, sessions, API keys, proving an address "
        "by mail, and tickets for event streams.",
    },
    {"name": "users", "description": "Accounts: your own, and for administrators all of them."},
    {"name": "workspaces", "description": "What members share; the unit of permission and of the change log."},
    {"name": "members", "description": "Who belongs to a workspace, as viewer, editor or admin."},
    {"name": "invitations", "description": "Asking somebody in by e-mail, and answering to it."},
    {"name": "items", "description": "The things a team shares: what is to be done, bought, answered or kept."},
    {"name": "messages", "description": "Text in a workspace's room or in the thread of an item."},
    {"name": "files", "description": "What belongs to a workspace, an item or a message, with its bytes."},
    {"name": "changes", "description": "The numbered log of every change, in pages and live."},
    {"name": "webhooks", "description": "Addresses that are told of the changes of a workspace, for its admins."},
    {"name": "security", "description": "The security log, for administrators."},
    {"name": "jobs", "description": "Mails and other work that waits for nobody, for administrators."},
    {"name": "service", "description": "For what watches the process: is it alive, is it ready."},
]
"""What each tag of the routers stands for."""

SERVERS = [{"url": "/", "description": "Where this document was found."}]

PUBLIC = (
    "login",
    "complete_login",
    "begin_oidc_sign_in",
    "complete_oidc_sign_in",
    "refresh_session",
    "create_user",
    "verify_email",
    "request_password_reset",
    "reset_password",
    "decline_invitation",
)
"""Operations under `/api` that need no token."""

WITH_ADDRESS = (
    "get_file_content",
    "get_thumbnail",
    "stream_changes",
    "stream_mine",
    "get_upload",
    "put_upload",
    "append_to_upload",
    "delete_upload",
)
"""Operations for which their address may hold, instead of a token, a link or a ticket that was got with one."""

_HEADERS: Mapping[str, dict[str, Any]] = {
    "Accept-Ranges": {
        "description": "That parts can be asked for (RFC 9110, section 14.3).",
        "schema": {"type": "string", "examples": ["bytes"]},
    },
    "Content-Disposition": {
        "description": "What it is called, and whether browsers show or save it (RFC 6266).",
        "schema": {"type": "string", "examples": ['attachment; filename="seeds.pdf"']},
    },
    "Content-Range": {
        "description": "Which part of how many bytes it is (RFC 9110, section 14.4).",
        "schema": {"type": "string", "examples": ["bytes 0-99/1200"]},
    },
    "Content-ETag": {
        "description": "The SHA-256 checksum of the bytes, in quotes.",
        "schema": {"type": "string", "examples": ['"' + "0" * 64 + '"']},
    },
    "ETag": {
        "description": "The version in quotes (RFC 9110, section 8.8.3), for `If-Match`.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "Last-Modified": {
        "description": "When it was uploaded (RFC 9110, section 8.8.2).",
        "schema": {"type": "string", "examples": ["Mon, 02 Mar 2026 09:00:00 GMT"]},
    },
    "Location": {
        "description": "Where it can be read (RFC 9110, section 10.2.2).",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RateLimit": {
        "description": "What remains of your budget (`r`), and the seconds until it is whole again (`t`).",
        "schema": {"type": "string", "examples": ['"budget";r=19999420;t=40']},
    },
    "RateLimit-Policy": {
        "description": "Your budget (`q`), in fields that answers may have, for so many seconds (`w`).",
        "schema": {"type": "string", "examples": ['"budget";q=20000000;w=60']},
    },
    "Retry-After": {
        "description": "Seconds to wait before another try (RFC 9110, section 10.2.3).",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Upload-Expires": {
        "description": 'Until when the next bytes are waited for (tus 1.0, "Expiration").',
        "schema": {"type": "string", "examples": ["Mon, 02 Mar 2026 09:00:00 GMT"]},
    },
    "Upload-Length": {
        "description": "How many bytes the file has (tus 1.0).",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Upload-Offset": {
        "description": "How many bytes have come (tus 1.0).",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 9110, section 11.6.1).",
        "schema": {"type": "string", "examples": ["Bearer"]},
    },
    "X-Request-ID": {"description": "Finds the request in the server's log.", "schema": {"type": "string"}},
}

_ONLY_WITH_BODY = ("413", "415")


def describe(app: FastAPI) -> None:
    """Make the application tell the finished document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _finish(generate())
        assert app.openapi_schema is not None  # noqa: S101 - `generate` keeps what it returns there
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to extend it


def _finish(document: dict[str, Any]) -> None:
    """Complete what FastAPI generated, in place."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = PROBLEM_SCHEMA
    # FastAPI's own shape of validation errors, which is never sent here.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    components["examples"] = examples()
    components["headers"] = dict(_HEADERS)
    for operation in _operations(document):
        _finish_operation(operation)


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _finish_operation(operation: dict[str, Any]) -> None:
    answers: dict[str, dict[str, Any]] = operation["responses"]
    if operation["operationId"] in PUBLIC:
        operation["security"] = []
    elif operation["operationId"] in WITH_ADDRESS:
        operation["security"] = [*operation["security"], {}]
    if "requestBody" not in operation:
        for status in _ONLY_WITH_BODY:
            answers.pop(status, None)
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    for answer in answers.values():
        names = ["X-Request-ID"] if operation["tags"] == ["service"] else ["X-Request-ID", *HEADERS]
        answer.setdefault("headers", {}).update({name: {"$ref": f"#/components/headers/{name}"} for name in names})
        for content in answer.get("content", {}).values():
            if content.pop("itemSchema", None):
                # Of 3.2. As text it is what 3.1 can say about events, and what generators hand out.
                content["schema"] = {"type": "string"}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter without null, which no address and no header can hold."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if not kinds:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds}
