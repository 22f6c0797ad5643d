"""Opaque cursors: a position in an order, as text a client hands back unread.

They grant nothing: who may see which rows is decided by the query, so they need no signature.
"""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from api.core.errors import AppError, ErrorCode
from db.models import Base
from db.paging import Position, Sort, Value

M = TypeVar("M", bound=Base)

_INT_LIMIT = 2**15
"""The numbers that lists are ordered by fit a SMALLINT; a driver refuses others in its own words."""


def encode_cursor(sort: Sort[M], row: M) -> str:
    """Return the cursor of a row in the given order."""
    value, tie = sort.position(row)
    plain = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
    text = json.dumps([sort.name, plain, tie.hex], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(sort: Sort[M], cursor: str) -> Position:
    """Return the position that a cursor stands for.

    Raises:
        AppError: BAD_REQUEST, if it is not a cursor of ours, or one of another order.
    """
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        name, plain, tie = json.loads(data)
        if name == sort.name:
            return _value(sort, plain), UUID(hex=tie)
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise AppError(ErrorCode.BAD_REQUEST, "The cursor is not valid.") from error
    raise AppError(ErrorCode.BAD_REQUEST, f"The cursor belongs to another order, not to {sort.name}.")


def _value(sort: Sort[Any], plain: object) -> Value:
    if plain is None and sort.nullable:
        return None
    expected = sort.value_type
    if expected is datetime and isinstance(plain, str):
        return datetime.fromisoformat(plain).astimezone(UTC)
    if expected is str and isinstance(plain, str) and "\x00" not in plain:
        plain.encode()  # A lone surrogate is a ValueError here, and one of the driver's later.
        return plain
    if expected is int and type(plain) is int and abs(plain) < _INT_LIMIT:
        return plain
    raise ValueError("the value does not fit the order")
