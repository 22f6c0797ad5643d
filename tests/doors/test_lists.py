"""Lists at both doors: pages, cursors, totals."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from db.engine import Database
from db.models import Item
from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.doors.things import make_item, refused


async def fill(app: FastAPI, world: World, titles: list[str]) -> None:
    """Write items past the services: these lists are only read."""
    database: Database = app.state.database
    async with database.write() as uow:
        for title in titles:
            await uow.session.insert(Item(workspace_id=world.workspace, owner_id=world.editor.id, title=title))


async def titles_of(door: Door, world: World, **arguments: Any) -> list[str]:
    return [item["title"] for item in (await list_items(door, world, **arguments))["data"]]


async def list_items(door: Door, world: World, **arguments: Any) -> dict[str, Any]:
    arguments = {"sort": "created", "workspace_id": str(world.workspace), **arguments}
    listed: dict[str, Any] = await door.call("list_items", token=world.viewer.token, **arguments)
    return listed


async def test_a_page_has_20_entries_unless_asked_otherwise_and_100_at_most(
    door: Door, app: FastAPI, world: World
) -> None:
    await fill(app, world, [f"{n:03}" for n in range(101)])
    assert await titles_of(door, world) == [f"{n:03}" for n in range(20)]
    assert await titles_of(door, world, limit=1) == ["000"]
    hundred = await list_items(door, world, limit=100)
    assert len(hundred["data"]) == 100
    assert hundred["next_cursor"] is not None
    last = await list_items(door, world, limit=100, cursor=hundred["next_cursor"])
    assert ([item["title"] for item in last["data"]], last["next_cursor"]) == (["100"], None)
    for limit in (0, -1, 101, 10**6):
        with refused("VALIDATION_ERROR", {"rest": "limit", "graphql": "first"}[door.name]):
            await list_items(door, world, limit=limit)


async def test_the_total_counts_the_whole_list_and_only_when_asked(door: Door, app: FastAPI, world: World) -> None:
    await fill(app, world, ["a", "b", "c"])
    first = await list_items(door, world, limit=2, include_total=True)
    assert (first["total"], len(first["data"])) == (3, 2)
    second = await list_items(door, world, limit=2, include_total=True, cursor=first["next_cursor"])
    assert (second["total"], len(second["data"]), second["next_cursor"]) == (3, 1, None)
    assert (await list_items(door, world))["total"] is None
    assert (await list_items(door, world, text="b", include_total=True))["total"] == 1


async def test_a_list_that_ends_with_the_page_has_no_next_cursor(door: Door, app: FastAPI, world: World) -> None:
    assert await list_items(door, world) == {"data": [], "total": None, "next_cursor": None}
    await fill(app, world, ["a", "b"])
    assert (await list_items(door, world, limit=2))["next_cursor"] is None
    assert (await list_items(door, world, limit=1))["next_cursor"] is not None


async def test_every_list_can_be_walked(door: Door, world: World) -> None:
    for n in range(3):
        await door.call("create_workspace", token=world.admin.token, data={"name": f"{n}"})
        await make_item(door, world, title=f"{n}")
        data = {"workspace_id": str(world.workspace), "body": f"{n}"}
        await door.call("create_message", token=world.editor.token, data=data)
    place = {"workspace_id": str(world.workspace)}
    lists: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("list_items", world.viewer.token, place),
        ("list_messages", world.viewer.token, place),
        ("list_workspaces", world.admin.token, {}),
        ("list_members", world.viewer.token, {"id": str(world.workspace)}),
        ("list_users", world.administrator.token, {}),
    )
    for operation, token, where in lists:
        whole = await door.call(operation, token=token, include_total=True, **where)
        assert len(whole["data"]) == whole["total"] >= 3
        walked: list[Any] = []
        cursor = None
        while cursor is not None or not walked:
            page = await door.call(operation, token=token, limit=1, cursor=cursor, **where)
            walked += page["data"]
            cursor = page["next_cursor"]
        assert walked == whole["data"]


async def test_a_walk_misses_nothing_that_stood_throughout_and_repeats_nothing(
    door: Door, app: FastAPI, world: World
) -> None:
    await fill(app, world, [f"m{n}" for n in range(9)])
    for sort in ("created", "-created", "title", "-title"):
        present = [item["id"] for item in (await list_items(door, world, limit=100))["data"]]
        seen: list[str] = []
        cursor = None
        while cursor is not None or not seen:
            page = await list_items(door, world, sort=sort, limit=3, cursor=cursor)
            seen += [item["id"] for item in page["data"]]
            cursor = page["next_cursor"]
            if len(seen) <= 9:
                # One before the position and one after it; and the row that the cursor stands on goes.
                await fill(app, world, ["a", "z"])
                await door.call("delete_item", token=world.editor.token, id=seen[-1])
        left = {item["id"] for item in (await list_items(door, world, limit=100))["data"]}
        stood = set(present) & left
        assert len(set(seen)) == len(seen)
        assert stood <= set(seen)
        assert len(stood) < len(present)


async def test_skip_leaves_out_the_beginning(rest: Door, app: FastAPI, world: World) -> None:
    await fill(app, world, ["a", "b", "c", "d"])
    assert await titles_of(rest, world, skip=1, limit=2) == ["b", "c"]
    assert await titles_of(rest, world, skip=4) == []
    assert await titles_of(rest, world, skip=2**63 - 1) == []
    cursor = (await list_items(rest, world, limit=1))["next_cursor"]
    assert await titles_of(rest, world, cursor=cursor, skip=1) == ["c", "d"]
    for skip in (-1, 2**63):
        with refused("VALIDATION_ERROR", "skip"):
            await list_items(rest, world, skip=skip)


async def test_unknown_parameters_and_conditions_are_refused(door: Door, world: World) -> None:
    for name in ("color", "page", "Status"):
        with refused("VALIDATION_ERROR", name.lower() if door.name == "graphql" else name):
            await list_items(door, world, **{name: "1"})


def forge(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


async def test_a_cursor_of_another_order_is_a_bad_request(door: Door, app: FastAPI, world: World) -> None:
    await fill(app, world, ["a", "b"])
    cursor = (await list_items(door, world, limit=1, sort="created"))["next_cursor"]
    for sort in ("-created", "updated", "title", "due"):
        with pytest.raises(DoorError, match="another order") as caught:
            await list_items(door, world, sort=sort, cursor=cursor)
        assert caught.value.code == "BAD_REQUEST"


async def test_forged_cursors_are_bad_requests(door: Door, world: World) -> None:
    some, late = uuid4().hex, "9999-12-31T23:59:59-23:59"
    moments: list[Any] = [None, 1, True, 1e400, [], {}, "", "now", "2026-13-01"]
    moments += [late, "0001-01-01T00:00:00+23:59", "10000-01-01T00:00:00Z"]
    ties: list[Any] = [None, 1, "", "x" * 32, [], some + "0"]
    forgeries: list[tuple[str, str]] = [
        ("created", cursor)
        for cursor in (
            *("", "%", "not a cursor", "ü", "AAAA", "W10", base64.urlsafe_b64encode(b"[" * 900).decode()),
            *(forge("created", moment, some) for moment in moments),
            *(forge("created", "2026-01-01T00:00:00Z", tie) for tie in ties),
            *(forge("created"), forge("created", "2026-01-01T00:00:00Z", some, 1), forge(None, None, None)),
        )
    ]
    numbers = (None, True, 1.0, "1", 2**15, -(2**15), 2**31, 2**63, 10**400)
    forgeries += [("priority", forge("priority", value, some)) for value in numbers]
    forgeries += [("title", forge("title", value, some)) for value in (None, 1, "a\x00", "\ud800", ["a"])]
    forgeries += [("due", forge("due", value, some)) for value in (False, 0, late)]
    for sort, cursor in forgeries:
        with refused("BAD_REQUEST"):
            await list_items(door, world, sort=sort, cursor=cursor)


async def test_a_forged_cursor_that_fits_is_just_a_position(door: Door, app: FastAPI, world: World) -> None:
    await fill(app, world, ["a", "b"])
    some = uuid4().hex
    for sort, value, there in (
        ("created", "0001-01-01T00:00:00Z", 2),
        ("created", "9999-12-31T23:59:59.999999Z", 0),
        ("created", "2026-01-01", 2),
        ("priority", -(2**15) + 1, 2),
        ("priority", 2**15 - 1, 0),
        ("title", "", 2),
        ("title", "\U0010ffff" * 100, 0),
        ("due", None, 0),
        ("-due", "2026-01-01T00:00:00Z", 2),
    ):
        tie = "f" * 32 if value is None else some
        assert len((await list_items(door, world, sort=sort, cursor=forge(sort, value, tie)))["data"]) == there
