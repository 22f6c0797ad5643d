"""What a refusal is: an error of the catalogue, and a database that is as it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.doors.door import Door, DoorError
from tests.doors.rows import all_rows

STATUS = {
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "SECOND_STEP_NEEDED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "CURSOR_EXPIRED": 410,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RANGE_NOT_SATISFIABLE": 416,
    "VALIDATION_ERROR": 422,
    "RATE_LIMITED": 429,
}
"""The HTTP status of each code, spelled out here a second time so that the catalogue cannot drift."""


class Refusal:
    """The error, once the block is over."""

    error: DoorError

    @property
    def message(self) -> str:
        """What the client was told."""
        return self.error.message

    @property
    def details(self) -> dict[str, Any]:
        """What a program was told."""
        return self.error.details

    @property
    def paths(self) -> set[str]:
        """The paths of invalid fields."""
        return self.error.paths


@asynccontextmanager
async def refused(door: Door, code: str, *, logged: str | None = None) -> AsyncIterator[Refusal]:
    """Expect the call in the block to be refused with this code, and to leave every table as it was.

    Except, where it is `logged`, for one more entry of that kind in the security log.
    """
    before = await all_rows(door.app)
    refusal = Refusal()
    with pytest.raises(DoorError) as caught:
        yield refusal
    refusal.error = caught.value
    assert caught.value.code == code, caught.value
    assert caught.value.status == (STATUS[code] if door.name == "rest" else 200)
    after = await all_rows(door.app)
    if logged is not None:
        [entry] = set(after["security_events"]) - set(before["security_events"])
        assert f"'{logged}'" in entry
        after["security_events"].remove(entry)
    assert after == before
