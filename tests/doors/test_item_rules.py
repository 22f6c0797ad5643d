"""What an item may hold, at the edges, at both doors."""

import json
from typing import Any

import httpx
import pytest

from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.doors.things import last_seq, make_item, refused

FIELDS_BYTES = 16 * 1024


def nested(depth: int) -> dict[str, Any]:
    """Return an object with `depth` objects in one another, the innermost with a number."""
    value: dict[str, Any] = {"a": 1}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def sized(size: int) -> dict[str, Any]:
    """Return an object of this size as compact JSON: `{"é":"…"}`, in which é has two bytes."""
    return {"é": "x" * (size - len('{"é":""}'.encode()))}


ACCEPTED: list[tuple[str, Any, Any]] = [
    ("title", "x", "x"),
    ("title", "🌱" * 200, "🌱" * 200),
    ("title", f"  {'x' * 200}\n", "x" * 200),
    ("description", "x" * 20_000, "x" * 20_000),
    ("priority", 4, 4),
    ("tags", [f"{n}" for n in range(20)], [f"{n}" for n in range(20)]),
    ("tags", ["x" * 50], ["x" * 50]),
    ("tags", ["b", " a ", "b", "a"], ["b", "a"]),
    ("fields", sized(FIELDS_BYTES - 1), sized(FIELDS_BYTES - 1)),
    ("fields", sized(FIELDS_BYTES), sized(FIELDS_BYTES)),
    ("fields", nested(32), nested(32)),
    ("fields", {"list": [[[]]]}, {"list": [[[]]]}),
]

REFUSED: list[tuple[str, Any]] = [
    ("title", ""),
    ("title", " \t\n"),
    ("title", "x" * 201),
    ("title", 7),
    ("description", "x" * 20_001),
    ("status", "shut"),
    ("priority", -1),
    ("priority", 5),
    ("priority", "1"),
    ("priority", 1.5),
    ("tags", [f"{n}" for n in range(21)]),
    ("fields", sized(FIELDS_BYTES + 1)),
    ("fields", nested(33)),
    ("fields", {"a": [[float("nan")]]}),
    ("fields", {"a": float("-inf")}),
    ("fields", []),
    ("due_at", "tomorrow"),
    ("due_at", "2026-01-31T08:30:00"),
    ("due_at", "0001-01-01T00:00:00+14:00"),
    ("due_at", "9999-12-31T23:59:59-01:00"),
    ("due_at", 1_769_848_200),
    ("assignee_id", "nobody"),
    ("id", "1"),
]


async def test_values_at_the_edge_are_kept(door: Door, world: World) -> None:
    for name, sent, stored in ACCEPTED:
        item = await make_item(door, world, **{name: sent})
        assert item[name] == stored
        assert (await door.call("get_item", token=world.viewer.token, id=item["id"]))[name] == stored
        changed = await door.call(
            "update_item", token=world.editor.token, id=(await make_item(door, world))["id"], data={name: sent}
        )
        assert changed[name] == stored


async def post_raw(door: Door, world: World, name: str, value: Any, item_id: str | None = None) -> None:
    """Create or update with a value that only a careless encoder sends, such as NaN."""
    await door.call(
        "update_item" if item_id else "create_item",
        token=world.editor.token,
        data={name: value} if item_id else {"workspace_id": str(world.workspace), "title": "Raw", name: value},
        **({"id": item_id} if item_id else {}),
    )


async def test_values_beyond_the_edge_are_refused_and_write_nothing(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_careless_json(monkeypatch)
    item = await make_item(door, world)
    seq = await last_seq(door, world)
    for name, value in REFUSED:
        with refused("VALIDATION_ERROR", name):
            await post_raw(door, world, name, value)
        if name != "id":
            with refused("VALIDATION_ERROR", name):
                await post_raw(door, world, name, value, item["id"])
    assert await last_seq(door, world) == seq
    assert await door.call("get_item", token=world.viewer.token, id=item["id"]) == item


async def test_a_bad_tag_is_named_by_its_place(door: Door, world: World) -> None:
    seq = await last_seq(door, world)
    for tag in ("x" * 51, " ", "a\x00b"):
        with refused("VALIDATION_ERROR", "tags.1"):
            await make_item(door, world, tags=["fine", tag])
    assert await last_seq(door, world) == seq


async def test_nul_and_lone_surrogates_are_refused_in_every_text(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_careless_json(monkeypatch)
    seq = await last_seq(door, world)
    for bad in ("a\x00b", "a\ud800b", "\udfff"):
        places: list[tuple[str, Any, str]] = [
            ("title", bad, "title"),
            ("description", bad, "description"),
            ("tags", [bad], "tags.0"),
            ("fields", {"a": [bad]}, "fields"),
            ("fields", {bad: 1}, "fields"),
            ("status", bad, "status"),
            ("due_at", bad, "due_at"),
            ("assignee_id", bad, "assignee_id"),
        ]
        for name, value, path in places:
            with refused("VALIDATION_ERROR", path):
                await post_raw(door, world, name, value)
        with refused("VALIDATION_ERROR", "body"):
            data = {"workspace_id": str(world.workspace), "body": bad}
            await door.call("create_message", token=world.editor.token, data=data)
    assert await last_seq(door, world) == seq


async def test_an_unknown_field_with_a_broken_name_is_refused(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_careless_json(monkeypatch)
    seq = await last_seq(door, world)
    for bad in ("no\x00pe", "no\ud800pe"):
        with pytest.raises(DoorError) as caught:
            await post_raw(door, world, bad, 1)
        assert caught.value.code == "VALIDATION_ERROR"
    assert await last_seq(door, world) == seq


async def test_invalid_fields_are_named_by_the_same_paths(door: Door, world: World) -> None:
    seq = await last_seq(door, world)
    with refused("VALIDATION_ERROR", "title", "priority", "tags.0"):
        await make_item(door, world, title=" ", priority=9, tags=["x" * 51])
    with refused("VALIDATION_ERROR", "due_at", "nope"):
        await make_item(door, world, due_at="tomorrow", nope=1)
    with refused("VALIDATION_ERROR", "title"):
        await door.call("create_item", token=world.editor.token, data={"workspace_id": str(world.workspace)})
    with refused("VALIDATION_ERROR", "version"):
        await make_item(door, world, version=7)
    assert await last_seq(door, world) == seq


def allow_careless_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client send NaN and lone surrogates, escaped, as many encoders do."""

    def encode(value: Any) -> tuple[dict[str, str], httpx.ByteStream]:
        body = json.dumps(value).encode()
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
        return headers, httpx.ByteStream(body)

    monkeypatch.setattr("httpx._content.encode_json", encode)
