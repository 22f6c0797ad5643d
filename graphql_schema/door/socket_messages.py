"""What a client may say on a socket: the messages of graphql-transport-ws, exactly.

The protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md) closes a socket with 4400 at anything else.
The rules, and their order, are those of `validateMessage` in its reference implementation.
"""

from typing import Any

from api.core.json_text import read_json
from graphql_schema.door.requests import misshapen

WITHOUT_ID = ("connection_init", "ping", "pong")
WITH_ID = ("subscribe", "complete")


def read_message(text: str | None) -> dict[str, Any]:
    """Return the message in a frame, None if the frame was binary.

    Raises:
        ValueError: it is no message that a client may send; the reason is safe to show.
    """
    if text is None:
        raise ValueError("A message must be text")
    try:
        message = read_json(text)
    except ValueError as error:
        raise ValueError(f"A message must be JSON, and {error}") from error
    wrong = _what_is_wrong(message)
    if wrong is not None:
        raise ValueError(wrong)
    known: dict[str, Any] = message
    return known


def _what_is_wrong(message: object) -> str | None:
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in (*WITHOUT_ID, *WITH_ID):
        return "A message must have a type that clients send"
    payload = message.get("payload")
    if kind in WITHOUT_ID:
        wrong = payload is not None and not isinstance(payload, dict)
        return f"The payload of {kind} must be an object or null" if wrong else None
    if not isinstance(message.get("id"), str) or not message["id"]:
        return f"The id of {kind} must be a string, and not empty"
    if kind == "subscribe":
        return misshapen(payload) if isinstance(payload, dict) else "The payload of subscribe must be an object"
    return None
