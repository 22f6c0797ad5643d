"""Filters and orders of items at both doors."""

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI

from db.engine import Database
from db.models import Item, ItemStatus
from tests.doors.door import Door
from tests.doors.people import World
from tests.doors.things import make_item, refused


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


async def fill(app: FastAPI, world: World) -> None:
    """Write four items with definite times, past the services, and one of another workspace."""
    database: Database = app.state.database
    common = {"workspace_id": world.workspace, "owner_id": world.editor.id}
    rows = [
        Item(**common, title="b", priority=2, due_at=day(9), created_at=day(1), updated_at=day(8), tags=["x", "y"]),
        Item(**common, title="C", status=ItemStatus.DONE, priority=4, created_at=day(2), tags=["X"]),
        Item(**common, title="ä", description="a STRASSE", due_at=day(3), created_at=day(3), tags=["x,y", '"x"']),
        Item(
            **{**common, "owner_id": world.admin.id},
            title="A_%\\",
            status=ItemStatus.IN_PROGRESS,
            assignee_id=world.viewer.id,
            priority=2,
            created_at=day(4),
        ),
        Item(workspace_id=world.admin.home, owner_id=world.admin.id, title="b", created_at=day(1), tags=["x"]),
    ]
    async with database.write() as uow:
        await uow.session.insert(*rows)


async def titles(door: Door, world: World, **where: Any) -> list[str]:
    listed = await door.call(
        "list_items", token=world.viewer.token, **{"workspace_id": str(world.workspace), "sort": "created", **where}
    )
    return [item["title"] for item in listed["data"]]


async def test_every_filter_keeps_what_fits(door: Door, app: FastAPI, world: World) -> None:
    await fill(app, world)
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["b", "C", "ä", "A_%\\"]),
        ({"status": ["open"]}, ["b", "ä"]),
        ({"status": ["done", "in_progress"]}, ["C", "A_%\\"]),
        ({"assignee_id": str(world.viewer.id)}, ["A_%\\"]),
        ({"assignee_id": str(world.stranger.id)}, []),
        ({"owner_id": str(world.admin.id)}, ["A_%\\"]),
        ({"owner_id": str(world.editor.id), "status": ["open"]}, ["b", "ä"]),
        ({"tag": "x"}, ["b"]),
        ({"tag": "X"}, ["C"]),
        ({"tag": "x,y"}, ["ä"]),
        ({"tag": '"x"'}, ["ä"]),
        ({"tag": "%"}, []),
        ({"priority_from": 2}, ["b", "C", "A_%\\"]),
        ({"priority_to": 2}, ["b", "ä", "A_%\\"]),
        ({"priority_from": 2, "priority_to": 2}, ["b", "A_%\\"]),
        ({"priority_from": 3, "priority_to": 2}, []),
        ({"created_from": "2026-01-02T00:00:00Z", "created_to": "2026-01-04T00:00:00Z"}, ["C", "ä"]),
        ({"created_from": "2026-01-02T05:00:00+05:00", "created_to": "2026-01-02T00:00:00.000001Z"}, ["C"]),
        ({"updated_from": "2026-01-04T00:00:00Z"}, ["b", "A_%\\"]),
        ({"updated_to": "2026-01-08T00:00:00Z"}, ["C", "ä", "A_%\\"]),
        ({"due_from": "2026-01-03T00:00:00Z"}, ["b", "ä"]),
        ({"due_to": "2026-01-09T00:00:00Z"}, ["ä"]),
        ({"text": "straße"}, ["ä"]),
        ({"text": "Ä"}, ["ä"]),
        ({"text": "_%"}, ["A_%\\"]),
        ({"text": "\\"}, ["A_%\\"]),
        ({"text": "%"}, ["A_%\\"]),
        ({"text": "b"}, ["b"]),
    ]
    for where, expected in cases:
        assert await titles(door, world, **where) == expected, where


async def test_every_order_goes_either_way_with_empty_due_dates_last(door: Door, app: FastAPI, world: World) -> None:
    await fill(app, world)
    orders = {
        "created": ["b", "C", "ä", "A_%\\"],
        "-created": ["A_%\\", "ä", "C", "b"],
        "updated": ["C", "ä", "A_%\\", "b"],
        "-updated": ["b", "A_%\\", "ä", "C"],
        "title": ["A_%\\", "b", "C", "ä"],
        "-title": ["ä", "C", "b", "A_%\\"],
        "due": ["ä", "b"],
        "-due": ["b", "ä"],
        "priority": ["ä"],
        "-priority": ["C"],
    }
    for sort, begin in orders.items():
        listed = await titles(door, world, sort=sort)
        assert listed[: len(begin)] == begin, sort
        assert sorted(listed) == sorted(["b", "C", "ä", "A_%\\"])
    # What ties is ordered by id, so that the other way is the exact reverse.
    assert await titles(door, world, sort="-priority") == (await titles(door, world, sort="priority"))[::-1]


async def test_the_trash_is_listed_on_its_own(door: Door, world: World) -> None:
    kept, gone = await make_item(door, world, title="kept"), await make_item(door, world, title="gone")
    await door.call("delete_item", token=world.editor.token, id=gone["id"])
    assert await titles(door, world) == [kept["title"]]
    assert await titles(door, world, trashed=True) == [gone["title"]]
    assert await titles(door, world, trashed=False) == [kept["title"]]


async def test_nobody_is_an_assignee_and_absent_is_none(door: Door, app: FastAPI, world: World) -> None:
    await fill(app, world)
    everything, unassigned = ["b", "C", "ä", "A_%\\"], ["b", "C", "ä"]
    token = {"Authorization": f"Bearer {world.viewer.token}"}
    if door.name == "rest":
        assert await titles(door, world, assignee_id="none") == unassigned
        assert await titles(door, world, assignee_id="none", status=["open"]) == ["b", "ä"]
        for word in ("null", "None", "nobody", ""):
            with refused("VALIDATION_ERROR", "assignee_id"):
                await titles(door, world, assignee_id=word)
        with refused("VALIDATION_ERROR", "owner_id"):
            await titles(door, world, owner_id="none")
        return
    nulls = {"ownerId": None, "tag": None, "dueFrom": None, "status": None, "text": None}
    document = """query($w: UUID, $filter: ItemFilter, $a: UUID) {
      whole: items(workspaceId: $w, sort: CREATED_ASC, filter: $filter) { nodes { title } }
      literal: items(workspaceId: $w, sort: CREATED_ASC, filter: {assigneeId: null}) { nodes { title } }
      absent: items(workspaceId: $w, sort: CREATED_ASC, filter: {assigneeId: $a}) { nodes { title } }
    }"""
    for variables, whole, absent in (
        ({"filter": {"assigneeId": None}}, unassigned, everything),
        ({"filter": nulls, "a": None}, everything, unassigned),
        ({"filter": nulls | {"assigneeId": None}}, unassigned, everything),
    ):
        body = {"query": document, "variables": {"w": str(world.workspace), **variables}}
        answer = (await door.client.post("/graphql", json=body, headers=token)).json()
        told = {name: [item["title"] for item in page["nodes"]] for name, page in answer["data"].items()}
        assert told == {"whole": whole, "literal": unassigned, "absent": absent}
    with refused("VALIDATION_ERROR", "assignee_id"):
        await titles(door, world, assignee_id="none")


async def test_conditions_that_make_no_sense_are_refused_by_name(door: Door, world: World) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"priority_from": -1}, "priority_from"),
        ({"priority_to": 5}, "priority_to"),
        ({"tag": "x" * 51}, "tag"),
        ({"tag": " "}, "tag"),
        ({"text": "x" * 201}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"created_from": "yesterday"}, "created_from"),
        ({"due_to": "2026-01-01"}, "due_to"),
        ({"owner_id": "me"}, "owner_id"),
    ]
    for where, path in cases:
        with refused("VALIDATION_ERROR", path):
            await titles(door, world, **where)
    with refused("VALIDATION_ERROR", "status.1"):
        await titles(door, world, status=["open", "shut"])
    with refused("VALIDATION_ERROR", "status"):
        await titles(door, world, status=["open"] * 11)
