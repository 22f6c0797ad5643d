"""`extensions.idempotencyKey`: the name by which an operation may be sent again.

Each change of an operation is a transaction, so each has a key of its own: that of the operation, followed by
a slash and the field's name in the answer where there are several.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from api.core.idempotency import read_key

_operation: ContextVar[str | None] = ContextVar("operation", default=None)
_change: ContextVar[str | None] = ContextVar("change", default=None)


def begin_operation(extensions: Mapping[str, Any] | None) -> None:
    """Remember the key of the operation that this task is about to run.

    Raises:
        AppError: VALIDATION_ERROR if it is none.
    """
    _operation.set(read_key((extensions or {}).get("idempotencyKey")))
    _change.set(None)


def begin_change(name: str | None) -> None:
    """Begin with one of the operation's changes, named as in the answer; None if it is the only one."""
    key = _operation.get()
    _change.set(key if key is None or name is None else f"{key}/{name}")


def key_of_change() -> str | None:
    """Return the key of the change being made, if it has one."""
    return _change.get()
