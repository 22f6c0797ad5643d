"""Errors at the REST door: `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from api.core.errors import (
    INTERNAL,
    STATUS,
    AppError,
    ErrorCode,
    conflict,
    forbidden,
    invalid,
    not_found,
    second_step_needed,
    unauthenticated,
    version_mismatch,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "error"],
    "properties": {
        "type": {"type": "string", "description": "Always `about:blank`: the status says what kind it is."},
        "title": {"type": "string", "description": "The name of the status."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What went wrong, for people."},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": {"type": "string", "enum": [code.value for code in ErrorCode], "description": "For programs."},
                "message": {"type": "string", "description": "The same as `detail`."},
                "details": {
                    "type": "object",
                    "additionalProperties": True,
                    "description": "Depends on the code, for example `fields`.",
                },
                "request_id": {"type": "string", "description": "Finds the request in the server's log."},
            },
        },
    },
}
"""The JSON schema of every error answer."""

_EXAMPLES = (
    AppError(ErrorCode.BAD_REQUEST, "The body is not valid JSON."),
    unauthenticated(),
    second_step_needed("tfc_AZLx0gVh…", 300),
    forbidden("You are a viewer here; this needs an editor."),
    not_found("item"),
    AppError(ErrorCode.METHOD_NOT_ALLOWED, "This address does not take that method."),
    AppError(ErrorCode.NOT_ACCEPTABLE, "Answers come as application/json."),
    conflict("This id is taken."),
    AppError(ErrorCode.CURSOR_EXPIRED, "The log begins at 41: read the present state.", oldest=41),
    version_mismatch(expected=3, current=4),
    AppError(ErrorCode.PAYLOAD_TOO_LARGE, "The body is too large."),
    AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json."),
    AppError(ErrorCode.RANGE_NOT_SATISFIABLE, "None of the ranges is in the file, which has 1200 bytes.", size=1200),
    invalid([("title", "Field required")]),
    AppError(ErrorCode.CHECKSUM_MISMATCH, "The bytes do not have the checksum that was sent with them."),
    AppError(ErrorCode.RATE_LIMITED, "Too many attempts. Try again later."),
    AppError(ErrorCode.QUERY_TOO_COMPLEX, "The request asks for more than one answer may hold."),
    INTERNAL,
    AppError(ErrorCode.UNAVAILABLE, "The database does not answer. Try again in a moment."),
)

HEADERS: Mapping[ErrorCode, str] = {
    ErrorCode.UNAUTHENTICATED: "WWW-Authenticate",
    ErrorCode.SECOND_STEP_NEEDED: "WWW-Authenticate",
    ErrorCode.RANGE_NOT_SATISFIABLE: "Content-Range",
    ErrorCode.RATE_LIMITED: "Retry-After",
    ErrorCode.UNAVAILABLE: "Retry-After",
}
"""What stands in the head of an answer with that code."""


def problem_response(error: AppError, request_id: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer for an error."""
    content = _content(error, request_id)
    return JSONResponse(content, error.status, {**_headers(error), **(headers or {})}, MEDIA_TYPE)


_TITLES = {ErrorCode.CHECKSUM_MISMATCH: "Checksum Mismatch"}
"""Names of statuses that only a protocol above HTTP knows."""


def _content(error: AppError, request_id: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": _TITLES.get(error.code) or HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "error": {
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "request_id": request_id,
        },
    }


def _headers(error: AppError) -> dict[str, str]:
    if HEADERS.get(error.code) == "WWW-Authenticate":
        return {"WWW-Authenticate": "Bearer"}
    if error.code is ErrorCode.RANGE_NOT_SATISFIABLE:
        # RFC 9110, section 15.5.17: how much there is.
        return {"Content-Range": f"bytes */{error.details['size']}"}
    if "tus_version" in error.details:
        return {"Tus-Version": error.details["tus_version"]}
    if error.code is ErrorCode.UNAVAILABLE or "retry_after" in error.details:
        return {"Retry-After": str(error.details.get("retry_after", RETRY_AFTER_SECONDS))}
    return {}


def examples() -> dict[str, Any]:
    """Return an example of each code for the OpenAPI document, rendered as the answers are."""
    return {
        error.code.value: {"summary": error.message, "value": _content(error, "0197f2c1b3a4")} for error in _EXAMPLES
    }


def documented(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says about the errors of an operation."""
    by_status: dict[int | str, list[ErrorCode]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code], []).append(code)
    return {status: _documented(group) for status, group in by_status.items()}


def _documented(codes: list[ErrorCode]) -> dict[str, Any]:
    named = {code.value: {"$ref": f"#/components/examples/{code}"} for code in codes}
    answer: dict[str, Any] = {
        "description": " or ".join(f"`{code}`" for code in codes),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": named}},
    }
    for name in {HEADERS[code] for code in codes if code in HEADERS}:
        answer.setdefault("headers", {})[name] = {"$ref": f"#/components/headers/{name}"}
    return answer
