"""What counts as a time, an id, a number, a text: the same at both doors, in bodies and in query strings."""

from typing import Any

import pytest

from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.doors.things import last_seq, make_item

TIMES = {
    "2026-01-31T08:30:00Z": "2026-01-31T08:30:00.000000Z",
    "2026-01-31T08:30:00.5z": "2026-01-31T08:30:00.500000Z",
    "2026-01-31t09:30+01:00": "2026-01-31T08:30:00.000000Z",
    "2026-01-31 03:30:00-0500": "2026-01-31T08:30:00.000000Z",
}
NO_TIMES = [
    *(45322, 20240131, 0.5, 2030, True, [], {}),
    *("45322", "20240131", "0.5", "2030", "1e3", "-1", "", " ", "now", "２０２６-01-31T08:30:00Z"),
    *("2026-01-31", "2026-01-31T08:30:00", "2026-01-31T08Z", "20260131T083000Z", "2026-W05-6T08:30:00Z"),
    *("2026-031T08:30:00Z", "2026-01-31T24:00:00Z", "2026-01-31T08:30:60Z", "2026-02-30T08:30:00Z"),
    *("2026-01-31T08:30:00+24:00", "2026-01-31T08:30:00 01:00", " 2026-01-31T08:30:00Z", "0001-01-01T00:00:00+01:00"),
]
ID = "0198c0de-7a3f-7c21-9e55-0c2f4b6d8e10"
NO_IDS: list[Any] = [
    *(1, True, "", "none", ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}", f"{ID}\n", f"{ID[:-1]}g"),
]


async def refused(door: Door, world: World, operation: str, **arguments: Any) -> set[str]:
    """Return the paths that a call is refused for."""
    with pytest.raises(DoorError) as caught:
        await door.call(operation, token=world.editor.token, **arguments)
    assert caught.value.code == "VALIDATION_ERROR"
    return caught.value.paths


async def test_a_time_is_written_as_rfc_3339_says(door: Door, world: World) -> None:
    for written, stored in TIMES.items():
        item = await make_item(door, world, due_at=written)
        assert item["due_at"] == stored
        found = await door.call(
            "list_items", token=world.editor.token, workspace_id=str(world.workspace), due_from=written
        )
        assert item["id"] in [one["id"] for one in found["data"]]


async def test_what_only_resembles_a_time_is_none(door: Door, world: World) -> None:
    item = await make_item(door, world)
    before = await last_seq(door, world)
    for written in NO_TIMES:
        body = {"workspace_id": str(world.workspace), "title": "A", "due_at": written}
        assert await refused(door, world, "create_item", data=body) == {"due_at"}, written
        assert await refused(door, world, "update_item", id=item["id"], data={"due_at": written}) == {"due_at"}
        if isinstance(written, str):
            assert await refused(door, world, "list_items", due_from=written, created_to=written) == {
                "due_from",
                "created_to",
            }
    assert await last_seq(door, world) == before


async def test_an_id_has_one_spelling(door: Door, world: World) -> None:
    before = await last_seq(door, world)
    for written in NO_IDS:
        body = {"id": written, "workspace_id": written, "assignee_id": written, "title": "A"}
        assert await refused(door, world, "create_item", data=body) == {"id", "workspace_id", "assignee_id"}, written
        assert await refused(door, world, "list_items", owner_id=str(written)) == {"owner_id"}
    for written in (ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}"):
        assert await refused(door, world, "get_item", id=written) == {"id"}
    assert await last_seq(door, world) == before
    item = await make_item(door, world, id=ID.upper())
    assert item["id"] == ID


async def test_text_in_which_nothing_can_be_seen_is_blank(door: Door, world: World) -> None:
    before = await last_seq(door, world)
    place = {"workspace_id": str(world.workspace)}
    for text in ("", " ", "\t\n", "\u200b", "\u2060\ufeff", "\u00ad \u3000", "\u200e"):
        assert await refused(door, world, "create_item", data={**place, "title": text}) == {"title"}
        assert await refused(door, world, "create_item", data={**place, "title": "A", "tags": ["a", text]}) == {
            "tags.1"
        }
        assert await refused(door, world, "create_message", data={**place, "body": text}) == {"body"}
        assert await refused(door, world, "update_me", data={"name": text}) == {"name"}
    for text in ("a\x1bb", "a\x07", "Ada\u202eadA", "\u2066a", "a\x85b", "a\x00b"):
        assert await refused(door, world, "create_item", data={**place, "title": text}) == {"title"}
        assert await refused(door, world, "update_me", data={"name": text}) == {"name"}
    assert await last_seq(door, world) == before
    for text in ("👩‍👩‍👧", "می‌خواهم", "a\u200fb", "\uf8ff"):
        assert (await make_item(door, world, title=text))["title"] == text


async def test_a_query_string_spells_numbers_and_switches_in_one_way(rest: Door, world: World) -> None:
    for written in ("3.0", "1_0", "+3", " 3", "3 ", "1e1", "true", "٣", ""):
        arguments = {"limit": written, "skip": written, "priority_from": written}
        assert await refused(rest, world, "list_items", **arguments) == set(arguments), written
        assert await refused(rest, world, "list_changes", id=str(world.workspace), after=written) == {"after"}
    for written in ("1", "yes", "on", "t", ""):
        assert await refused(rest, world, "list_items", trashed=written, include_total=written) == {
            "trashed",
            "include_total",
        }
        assert await refused(rest, world, "delete_item", id=ID, permanent=written) == {"permanent"}
    page = await rest.call("list_items", token=world.editor.token, include_total="True", trashed="FALSE", limit="1")
    assert page == {"data": [], "total": 0, "next_cursor": None}


async def test_a_number_in_a_body_is_no_text_and_no_switch(door: Door, world: World) -> None:
    for written in ("3", True, 2.5, 1e300):
        body = {"workspace_id": str(world.workspace), "title": "A", "priority": written}
        assert await refused(door, world, "create_item", data=body) == {"priority"}, written
    assert (await make_item(door, world, priority=3.0))["priority"] == 3


async def test_a_literal_of_a_document_is_judged_as_a_variable(graphql: Door, world: World) -> None:
    before = await last_seq(graphql, world)
    for name, literal in (
        ("dueAt", "45322"),
        ("dueAt", "0.5"),
        ("dueAt", '"2030"'),
        ("id", "1"),
        ("assigneeId", f'"{ID.replace("-", "")}"'),
    ):
        answer = await graphql.client.post(
            "/graphql",
            json={"query": f'mutation {{ createItem(input: {{ title: "A", {name}: {literal} }}) {{ id }} }}'},
            headers={"Authorization": f"Bearer {world.editor.token}"},
        )
        assert answer.json()["data"] in (None, {"createItem": None}), literal
        assert len(answer.json()["errors"]) == 1, literal
    assert await last_seq(graphql, world) == before
