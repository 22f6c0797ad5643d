"""What the scenarios make and expect again and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from tests.doors.door import Door, DoorError
from tests.doors.people import World


async def make_item(door: Door, world: World, **values: Any) -> dict[str, Any]:
    """Let the editor create an item."""
    data = {"workspace_id": str(world.workspace), "title": "Buy seeds", **values}
    item: dict[str, Any] = await door.call("create_item", token=world.editor.token, data=data)
    return item


async def make_message(door: Door, world: World, *, token: str | None = None, **values: Any) -> dict[str, Any]:
    """Let the editor, or whose token it is, post a message."""
    data = {"workspace_id": str(world.workspace), "body": "Which seeds?", **values}
    message: dict[str, Any] = await door.call("create_message", token=token or world.editor.token, data=data)
    return message


async def last_seq(door: Door, world: World, workspace: UUID | None = None) -> int:
    """Return the number of the last change: as long as it stays, nothing was written."""
    seq: int = (await read_log(door, world, workspace))["seq"]
    return seq


async def read_log(door: Door, world: World, workspace: UUID | None = None, after: int = 0) -> dict[str, Any]:
    """Return up to 100 entries of a workspace's log, as its admin or else its editor sees it."""
    reader = world.editor if workspace == world.editor.home else world.admin
    log: dict[str, Any] = await door.call(
        "list_changes", token=reader.token, id=str(workspace or world.workspace), after=after, limit=100
    )
    return log


@contextmanager
def refused(code: str, *paths: str) -> Iterator[None]:
    """Expect the error with this code in the block, about exactly these fields."""
    with pytest.raises(DoorError) as caught:
        yield
    assert caught.value.code == code
    assert caught.value.paths == set(paths)
