"""Items at both doors."""

from typing import Any

import pytest

from tests.doors.door import Door, DoorError
from tests.doors.people import World


async def make_item(door: Door, world: World, **values: Any) -> dict[str, Any]:
    data = {"workspace_id": str(world.workspace), "title": "Buy seeds", **values}
    item: dict[str, Any] = await door.call("create_item", token=world.editor.token, data=data)
    return item


async def test_an_editor_creates_an_item_with_defaults(door: Door, world: World) -> None:
    item = await make_item(door, world)

    assert {name: value for name, value in item.items() if name not in ("id", "created_at", "updated_at")} == {
        "workspace_id": str(world.workspace),
        "owner_id": str(world.editor.id),
        "assignee_id": None,
        "title": "Buy seeds",
        "description": "",
        "status": "open",
        "priority": 0,
        "tags": [],
        "fields": {},
        "due_at": None,
        "version": 1,
        "deleted_at": None,
    }
    assert await door.call("get_item", token=world.viewer.token, id=item["id"]) == item


async def test_invalid_fields_are_named_by_the_same_paths(door: Door, world: World) -> None:
    with pytest.raises(DoorError) as caught:
        await make_item(door, world, title=" ", priority=9, tags=["x" * 51], due_at="tomorrow", nope=1)
    assert caught.value.code == "VALIDATION_ERROR"
    assert "due_at" in caught.value.paths
    assert "nope" in caught.value.paths


async def test_a_stranger_finds_nothing(door: Door, world: World) -> None:
    item = await make_item(door, world)
    with pytest.raises(DoorError) as caught:
        await door.call("get_item", token=world.stranger.token, id=item["id"])
    assert caught.value.code == "NOT_FOUND"
