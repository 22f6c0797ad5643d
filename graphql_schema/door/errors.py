"""Errors at the GraphQL door: `message` and `extensions = {code, details, request_id}`."""

import re
from collections.abc import Iterable
from typing import Any

import structlog
from graphql import GraphQLError

from api.core.errors import INTERNAL, AppError, ErrorCode, to_app_error
from api.server.request_log import RequestRecord

logger = structlog.get_logger("twofold.graphql")

MAX_ERRORS = 100
"""Errors of one answer; what is more is counted only."""

_SUGGESTION = re.compile(r" Did you mean .*", re.DOTALL)


def render_errors(errors: Iterable[GraphQLError], record: RequestRecord) -> list[GraphQLError]:
    """Return the errors as a client may see them; what the catalogue does not know is logged and masked."""
    found = list(errors)
    logged: set[BaseException] = set()
    shown = [_render(error, record, logged) for error in found[:MAX_ERRORS]]
    left_out = len(found) - len(shown)
    if left_out:
        message = f"Too many errors: {left_out} more are left out."
        last = AppError(ErrorCode.QUERY_TOO_COMPLEX, message, limit="errors", maximum=MAX_ERRORS, actual=len(found))
        shown.append(GraphQLError(last.message, extensions=extensions(last, record.request_id)))
    return shown


def _render(error: GraphQLError, record: RequestRecord, logged: set[BaseException]) -> GraphQLError:
    known = _classify(error)
    if known is None:
        # A failed batch comes back once for each row that asked for it.
        cause = error.original_error or error
        if cause not in logged:
            logger.error("resolver failed", path=error.path, exc_info=cause)
            logged.add(cause)
        known = INTERNAL
    record.note_error(known.code)
    rendered = GraphQLError(known.message, path=error.path, extensions=extensions(known, record.request_id))
    # Taken over, for to find them out again costs a walk through the text.
    rendered.locations = error.locations
    return rendered


def hide_suggestions(errors: Iterable[GraphQLError]) -> None:
    """Take the names that exist out of what is said about one that does not: they are introspection by guessing."""
    for error in errors:
        error.message = _SUGGESTION.sub("", error.message)
        for field in (error.extensions or {}).get("details", {}).get("fields", ()):
            field["message"] = _SUGGESTION.sub("", field["message"])


def extensions(error: AppError, request_id: str) -> dict[str, Any]:
    """Return what stands beside the message."""
    return {"code": error.code, "details": error.details, "request_id": request_id}


def _classify(error: GraphQLError) -> AppError | None:
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if cause is None:
        # The library's own word: a syntax error, an unknown field, a missing variable.
        return AppError(ErrorCode.BAD_REQUEST, error.message)
    return to_app_error(cause)
