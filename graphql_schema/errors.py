"""Errors at the GraphQL door: `message` and `extensions = {code, details, request_id}`."""

from collections.abc import Iterable
from typing import Any

import structlog
from graphql import GraphQLError

from api.core.errors import INTERNAL, AppError, ErrorCode, to_app_error
from api.request_log import RequestRecord

logger = structlog.get_logger("twofold.graphql")


def render_errors(errors: Iterable[GraphQLError], record: RequestRecord) -> list[GraphQLError]:
    """Return the errors as a client may see them; what the catalogue does not know is logged and masked."""
    logged: set[BaseException] = set()
    return [_render(error, record, logged) for error in errors]


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
    return GraphQLError(
        known.message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions(known, record.request_id),
    )


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
