"""What comes in before it is an operation: a JSON object of the right shape, the same over every transport."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.core.errors import AppError, ErrorCode
from api.core.json_text import is_readable
from api.core.media_types import is_json

_SHAPES: Mapping[str, tuple[type, str]] = {
    "query": (str, "a string"),
    "variables": (dict, "an object"),
    "operationName": (str, "a string"),
    "extensions": (dict, "an object"),
}
"""The parameters of a request (GraphQL over HTTP, "Request Parameters"), of which all but the first may be null."""


@dataclass(frozen=True)
class OperationRequest:
    """A request of the right shape. Whether its text is a document is another question."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None


def misshapen(parameters: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the shape of a request, in one sentence; None if nothing is."""
    for name, (kind, wanted) in _SHAPES.items():
        value = parameters.get(name)
        if not isinstance(value, kind) and (value is not None or name == "query"):
            return f"The {name} of an operation must be {wanted}{'' if name == 'query' else ' or null'}."
    return None


def read_request(content_type: str | None, body: bytes) -> OperationRequest:
    """Return the request that a body holds.

    Raises:
        AppError: UNSUPPORTED_MEDIA_TYPE, or BAD_REQUEST for a body that is no JSON or of another shape.
    """
    if not is_json(content_type):
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")
    try:
        parameters = json.loads(body)
    except (ValueError, RecursionError) as error:
        # Bytes that are no text, a number of too many digits, brackets without end.
        raise AppError(ErrorCode.BAD_REQUEST, "The body is not valid JSON.") from error
    if not isinstance(parameters, dict):
        raise AppError(ErrorCode.BAD_REQUEST, "The body must be a JSON object with one operation.")
    if parameters.get("query") is None and _is_persisted(parameters):
        # The very words by which Apollo's clients send the whole query instead.
        raise AppError(ErrorCode.BAD_REQUEST, "PersistedQueryNotSupported")
    if not is_readable({name: value for name, value in parameters.items() if name not in ("query", "variables")}):
        raise AppError(ErrorCode.BAD_REQUEST, NOT_READABLE)
    wrong = misshapen(parameters)
    if wrong is not None:
        raise AppError(ErrorCode.BAD_REQUEST, wrong)
    if not parameters["query"]:
        raise AppError(ErrorCode.BAD_REQUEST, NO_DOCUMENT)
    return OperationRequest(
        parameters["query"], *(parameters.get(name) for name in ("variables", "operationName", "extensions"))
    )


NO_DOCUMENT = "The query is empty."
NOT_READABLE = "The numbers of a request must be finite, and its text valid Unicode."


def _is_persisted(parameters: Mapping[str, Any]) -> bool:
    extensions = parameters.get("extensions")
    return isinstance(extensions, dict) and "persistedQuery" in extensions
