"""Shared by the REST routers: how lists, versions and errors are rendered."""

from typing import Any, Protocol, TypeVar

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.requests import Request

from api.core.cursors import encode_cursor
from api.core.errors import ErrorCode, answer_too_large
from api.dependencies import IdentifiedRoute, caller_of, requires_json, requires_once, requires_unicode, shows_lock
from api.problems import documented
from api.schemas.pages import Listing
from api.schemas.types import Output
from db.models import Base
from db.paging import Page

Responses = dict[int | str, dict[str, Any]]

M = TypeVar("M", bound=Base)
O = TypeVar("O", bound=Output)  # noqa: E741 - a type variable, never next to a zero
L = TypeVar("L", bound=Listing)  # type: ignore[type-arg]  # a listing of anything

ALWAYS = (
    ErrorCode.BAD_REQUEST,
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL_ERROR,
    ErrorCode.UNAVAILABLE,
)
"""Errors that any operation can answer with."""

GUARDED = documented(ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND)
CHANGING = documented(ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT, ErrorCode.UNSUPPORTED_MEDIA_TYPE)
VERSIONED = {**CHANGING, **documented(ErrorCode.PRECONDITION_FAILED)}

_ETAG = {"ETag": {"$ref": "#/components/headers/ETag"}}
_LOCATION = {"Location": {"$ref": "#/components/headers/Location"}}

TAGGED: Responses = {200: {"headers": _ETAG}}
"""What `tag_version` adds to an answer."""

CREATED: Responses = {201: {"headers": _LOCATION}}
"""What `tag_created` adds to an answer."""

CREATED_AND_TAGGED: Responses = {201: {"headers": {**_LOCATION, **_ETAG}}}


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation in the OpenAPI document: that of its function."""
    return route.name


class Versioned(Protocol):
    """What has a version: a row, or what was made of one."""

    @property
    def version(self) -> int:
        """The version, which rises with each edit."""


def resource_router(tag: str, *, takes_json: bool = True) -> APIRouter:
    """Return a router for one resource, with what all its operations share; where bodies are JSON, they say so."""
    checks = [requires_unicode, *([requires_json] if takes_json else []), requires_once, shows_lock]
    return APIRouter(
        prefix="/api",
        tags=[tag],
        dependencies=checks,
        responses=documented(*ALWAYS),
        route_class=IdentifiedRoute,
        generate_unique_id_function=operation_id,
    )


async def listing(kind: type[L], read: type[O], page: Page[M], request: Request) -> L:
    """Return a page as a REST list, rendered row by row when there is time for it.

    Raises:
        AppError: QUERY_TOO_COMPLEX if its bytes exceed the budget of an answer.
    """
    most: int = request.app.state.settings.answer_max_bytes
    size, data = 0, []
    for row in page.rows:
        await request.app.state.pace.turn(caller_of(request, request.state.actor))
        entry = read.model_validate(row)
        size += len(entry.model_dump_json().encode())
        if size > most:
            raise answer_too_large(most)
        data.append(entry)
    following = encode_cursor(page.sort, page.rows[-1]) if page.has_next else None
    return kind(data=data, total=page.total, next_cursor=following)


def tag_version(response: Response, row: Versioned) -> None:
    """Set the `ETag` (RFC 9110, section 8.8.3): the version, for `If-Match` later."""
    response.headers["ETag"] = f'"{row.version}"'


def tag_created(request: Request, response: Response, operation: str, **path: object) -> None:
    """Set the `Location` of what was just created."""
    response.headers["Location"] = request.app.url_path_for(operation, **path)
