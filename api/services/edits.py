"""Applying partial changes to rows."""

from typing import Any

from pydantic import MISSING, BaseModel

from api.core.errors import version_mismatch
from db.clock import utc_now
from db.models.base import Edited, same


def sent(data: BaseModel) -> dict[str, Any]:
    """Return the fields that the client sent, null ones included."""
    values = {name: getattr(data, name) for name in type(data).model_fields if name in data.model_fields_set}
    return {name: value for name, value in values.items() if value is not MISSING}


Expected = int | frozenset[int] | None
"""The version, or one of the versions, that an edit is meant for; None expects nothing."""


def check_version(row: Edited, expected: Expected) -> None:
    """Refuse an edit of an outdated version.

    Raises:
        AppError: PRECONDITION_FAILED.
    """
    if expected is not None and row.version not in (expected if isinstance(expected, frozenset) else {expected}):
        raise version_mismatch(expected, row.version)


def apply(row: Edited, values: dict[str, Any]) -> bool:
    """Set the values that differ and raise the version. Return whether anything did differ."""
    different = {name: value for name, value in values.items() if not same(getattr(row, name), value)}
    for name, value in different.items():
        setattr(row, name, value)
    if different:
        touch(row)
    return bool(different)


def touch(row: Edited) -> None:
    """Raise the version: the row, or what it shows of another one, is about to change."""
    row.version += 1
    row.updated_at = utc_now()
