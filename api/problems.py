"""Errors at the REST door: `application/problem+json` (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from api.core.errors import STATUS, AppError, ErrorCode

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "error"],
    "properties": {
        "type": {"type": "string", "description": "Always `about:blank`: the status says what kind it is."},
        "title": {"type": "string", "description": "The name of the status."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What went wrong, for people."},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": {"type": "string", "enum": [code.value for code in ErrorCode], "description": "For programs."},
                "message": {"type": "string", "description": "The same as `detail`."},
                "details": {"type": "object", "description": "Depends on the code, for example `fields`."},
                "request_id": {"type": "string", "description": "Finds the request in the server's log."},
            },
        },
    },
}
"""The JSON schema of every error answer."""


def problem_response(error: AppError, request_id: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer for an error."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "error": {
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "request_id": request_id,
        },
    }
    return JSONResponse(content, error.status, {**_headers(error), **(headers or {})}, MEDIA_TYPE)


def _headers(error: AppError) -> dict[str, str]:
    if error.code is ErrorCode.UNAUTHENTICATED:
        return {"WWW-Authenticate": "Bearer"}
    if error.code is ErrorCode.UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def documented(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says about the errors of an operation."""
    by_status: dict[int | str, list[ErrorCode]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        status: {
            "description": " or ".join(f"`{code}`" for code in group),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, group in by_status.items()
    }
