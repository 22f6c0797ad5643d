"""Messages in rooms and threads at both doors."""

from typing import Any
from uuid import uuid4

import pytest

from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.doors.things import last_seq, make_item, make_message, read_log, refused


async def bodies(door: Door, token: str, **where: Any) -> list[str]:
    listed = await door.call("list_messages", token=token, sort="created", **where)
    return [message["body"] for message in listed["data"]]


async def test_an_editor_posts_in_the_room_and_a_viewer_reads_it(door: Door, world: World) -> None:
    message = await make_message(door, world, body=" Säen?\n")
    assert message == {
        "id": message["id"],
        "workspace_id": str(world.workspace),
        "item_id": None,
        "author_id": str(world.editor.id),
        "body": " Säen?\n",
        "version": 1,
        "created_at": message["created_at"],
        "updated_at": message["created_at"],
    }
    assert await door.call("get_message", token=world.viewer.token, id=message["id"]) == message
    listed = await door.call("list_messages", token=world.viewer.token, workspace_id=str(world.workspace))
    assert listed["data"] == [message]


async def test_without_a_workspace_the_room_is_the_personal_one(door: Door, world: World) -> None:
    message = await door.call("create_message", token=world.editor.token, data={"body": "Note to self"})
    assert message["workspace_id"] == str(world.editor.home)
    assert await bodies(door, world.editor.token) == ["Note to self"]


async def test_room_and_threads_are_apart(door: Door, world: World) -> None:
    one, two = await make_item(door, world), await make_item(door, world)
    await make_message(door, world, body="room")
    for item, body in ((one, "one, first"), (two, "two"), (one, "one, second")):
        message = await door.call("create_message", token=world.admin.token, data={"item_id": item["id"], "body": body})
        assert (message["item_id"], message["workspace_id"]) == (item["id"], str(world.workspace))

    assert await bodies(door, world.viewer.token, workspace_id=str(world.workspace)) == ["room"]
    assert await bodies(door, world.viewer.token, item_id=one["id"]) == ["one, first", "one, second"]
    assert await bodies(door, world.viewer.token, item_id=two["id"], workspace_id=str(world.workspace)) == ["two"]


async def test_the_latest_message_comes_first_unless_asked_otherwise(door: Door, world: World) -> None:
    for body in ("1", "2", "3"):
        await make_message(door, world, body=body)
    room = {"token": world.viewer.token, "workspace_id": str(world.workspace)}
    for sort, order in ((None, ["3", "2", "1"]), ("-created", ["3", "2", "1"]), ("created", ["1", "2", "3"])):
        listed = await door.call("list_messages", **room, sort=sort)
        assert [message["body"] for message in listed["data"]] == order


async def test_a_thread_cannot_be_named_with_another_workspace(door: Door, world: World) -> None:
    item = await make_item(door, world)
    seq = await last_seq(door, world)
    elsewhere = {"workspace_id": str(world.editor.home), "item_id": item["id"]}
    with refused("VALIDATION_ERROR", "workspace_id"):
        await door.call("create_message", token=world.editor.token, data={**elsewhere, "body": "Where?"})
    with refused("VALIDATION_ERROR", "workspace_id"):
        await door.call("list_messages", token=world.editor.token, **elsewhere)
    assert await last_seq(door, world) == seq


async def test_bodies_have_1_to_10000_characters_and_are_not_blank(door: Door, world: World) -> None:
    for body in ("x", "🌱" * 10_000):
        message = await make_message(door, world, body=body)
        assert message["body"] == body
    seq = await last_seq(door, world)
    for refused_body in ("", " \n\t", "x" * 10_001, None, 7, "a\x00b"):
        with refused("VALIDATION_ERROR", "body"):
            await make_message(door, world, body=refused_body)
        with refused("VALIDATION_ERROR", "body"):
            data = {"body": refused_body}
            await door.call("update_message", token=world.editor.token, id=message["id"], data=data)
    assert await last_seq(door, world) == seq
    assert await door.call("get_message", token=world.viewer.token, id=message["id"]) == message


async def test_only_the_author_edits(door: Door, world: World) -> None:
    message = await make_message(door, world)
    seq = await last_seq(door, world)
    for other in (world.admin, world.viewer):
        with refused("FORBIDDEN"):
            await door.call("update_message", token=other.token, id=message["id"], data={"body": "Mine"})
    assert await door.call("get_message", token=world.viewer.token, id=message["id"]) == message
    assert await last_seq(door, world) == seq

    edit = {"token": world.editor.token, "id": message["id"], "data": {"body": "Better"}}
    edited = await door.call("update_message", **edit)
    assert edited == {**message, "body": "Better", "version": 2, "updated_at": edited["updated_at"]}
    assert edited["updated_at"] > message["updated_at"]
    assert await door.call("update_message", **edit) == edited
    assert await last_seq(door, world) == seq + 1


async def test_an_edit_of_an_outdated_version_is_refused(door: Door, world: World) -> None:
    message = await make_message(door, world)
    edit = {"token": world.editor.token, "id": message["id"]}
    edited = await door.call("update_message", **edit, data={"body": "2"}, expected_version=1)
    with pytest.raises(DoorError) as caught:
        await door.call("update_message", **edit, data={"body": "3"}, expected_version=1)
    assert caught.value.code == "PRECONDITION_FAILED"
    assert caught.value.details == {"expected_version": 1, "current_version": 2}
    assert await door.call("get_message", token=world.viewer.token, id=message["id"]) == edited


async def test_the_author_and_admins_delete_and_nobody_else(door: Door, world: World) -> None:
    by_editor = [await make_message(door, world) for _ in range(2)]
    by_admin = await make_message(door, world, token=world.admin.token)
    seq = await last_seq(door, world)
    for person, message in ((world.viewer, by_admin), (world.editor, by_admin), (world.viewer, by_editor[0])):
        with refused("FORBIDDEN"):
            await door.call("delete_message", token=person.token, id=message["id"])
    assert await last_seq(door, world) == seq

    for person, message in ((world.editor, by_editor[0]), (world.admin, by_editor[1])):
        assert await door.call("delete_message", token=person.token, id=message["id"]) is None
        for operation in ("get_message", "delete_message"):
            with refused("NOT_FOUND"):
                await door.call(operation, token=world.admin.token, id=message["id"])
    entries = (await read_log(door, world, after=seq))["data"]
    assert [(entry["kind"], entry["state"], entry["changed"]) for entry in entries] == [
        ("deleted", None, message) for message in by_editor
    ]


async def test_nobody_posts_about_an_item_in_the_trash(door: Door, world: World) -> None:
    item = await make_item(door, world)
    await make_message(door, world, item_id=item["id"], body="before")
    await door.call("delete_item", token=world.editor.token, id=item["id"])
    seq = await last_seq(door, world)
    with refused("CONFLICT"):
        await make_message(door, world, item_id=item["id"])
    assert await last_seq(door, world) == seq
    assert await bodies(door, world.viewer.token, item_id=item["id"]) == ["before"]


async def test_viewers_read_and_outsiders_find_nothing(door: Door, world: World) -> None:
    item, message = await make_item(door, world), await make_message(door, world)
    seq = await last_seq(door, world)
    for place in ({"workspace_id": str(world.workspace)}, {"item_id": item["id"]}):
        post = {"data": {**place, "body": "No"}}
        with refused("FORBIDDEN"):
            await door.call("create_message", token=world.viewer.token, **post)
        calls: tuple[tuple[str, dict[str, Any]], ...] = (("create_message", post), ("list_messages", place))
        for operation, arguments in calls:
            await denied(door, world, operation, **arguments)
    await denied(door, world, "get_message", id=message["id"])
    await denied(door, world, "update_message", id=message["id"], data={"body": "No"})
    await denied(door, world, "delete_message", id=message["id"])
    assert await last_seq(door, world) == seq


async def denied(door: Door, world: World, operation: str, **arguments: Any) -> None:
    for outsider in (world.stranger, world.administrator):
        with refused("NOT_FOUND"):
            await door.call(operation, token=outsider.token, **arguments)
    with refused("UNAUTHENTICATED"):
        await door.call(operation, **arguments)


async def test_a_repeated_post_with_the_same_id_is_the_same_post(door: Door, world: World) -> None:
    message_id = str(uuid4())
    message = await make_message(door, world, id=message_id)
    assert message["id"] == message_id
    seq = await last_seq(door, world)
    assert await make_message(door, world, id=message_id) == message
    with refused("CONFLICT"):
        await make_message(door, world, token=world.admin.token, id=message_id)
    with refused("CONFLICT"):
        await make_message(door, world, id=message_id, workspace_id=str(world.editor.home))
    assert await last_seq(door, world) == seq
