"""What subscriptions tell: of each change everything, once, in order, from the number that was asked for."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.schemas.files import FileUpdate
from api.schemas.items import ItemUpdate
from api.schemas.messages import MessageCreate, MessageUpdate
from api.schemas.users import MeUpdate
from api.schemas.workspaces import MemberAdd, MemberUpdate, WorkspaceUpdate
from api.services.files import update_file
from api.services.items import delete_item, restore_item, update_item
from api.services.members import add_member, remove_member, update_member
from api.services.messages import create_message, delete_message, update_message
from api.services.users import update_me
from api.services.workspaces import update_workspace
from db.models import ItemStatus, Role
from tests.doors.people import World
from tests.doors.uploading import add_file
from tests.streams.transport import (
    GRAPHQL_TRANSPORTS,
    TRANSPORTS,
    StreamEnd,
    served,
    subscribed,
    watching,
)
from tests.streams.writing import add_item, last_seq, write

EVERYTHING = """subscription($w: UUID!, $after: BigInt) { changes(workspaceId: $w, after: $after) {
  seq kind at actor { id name } entity entityId version changed
  item { id title status deletedAt owner { name } }
  message { body author { name } item { title } }
  file { name size deletedAt owner { name } item { title } }
  member { role email user { name } }
  workspace { name seq }
} }"""
POSTED = """subscription($w: UUID!, $item: UUID, $after: BigInt) {
  messagePosted(workspaceId: $w, itemId: $item, after: $after) { seq kind message { body } }
}"""

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
over_all = pytest.mark.parametrize("transport", TRANSPORTS)
over_graphql = pytest.mark.parametrize("transport", GRAPHQL_TRANSPORTS)


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


@over_all
async def test_without_a_number_the_first_event_is_ready_and_what_follows_is_told(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    begin = await last_seq(app, world)
    async with watching(transport, url, world.viewer.token, world.workspace) as stream:
        ready = await stream.next()
        assert (ready.seq, ready.kind, ready.entity_id, ready.title) == (begin, "ready", None, None)
        item = await add_item(app, world)
        event = await stream.next()
    assert (event.seq, event.kind, event.entity_id, event.title) == (begin + 1, "created", str(item.id), "Buy seeds")


@over_all
async def test_after_a_number_all_that_follows_is_replayed_and_goes_over_to_live(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    for number in range(5):
        await add_item(app, world, f"{number}")
    middle = await last_seq(app, world)
    async with watching(transport, url, world.viewer.token, world.workspace, after=2) as stream:
        events = [*await stream.until(middle)]
        for number in range(5):
            await add_item(app, world, f"{number}")
        events += await stream.until(middle + 5)
    assert [event.seq for event in events] == list(range(3, middle + 6))
    assert "ready" not in {event.kind for event in events}


@on_sqlite
@over_all
async def test_an_items_life_in_a_view_is_told_by_its_effects(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    editor = world.editor.actor
    token, place = world.viewer.token, world.workspace
    async with (
        watching(transport, url, token, place, where={"status": ["open"]}) as opened,
        watching(transport, url, token, place, where={"trashed": True}) as trash,
    ):
        start = await last_seq(app, world)
        assert [(await stream.next()).kind for stream in (opened, trash)] == ["ready", "ready"]
        item = await add_item(app, world)
        await write(app, update_item, editor, item.id, ItemUpdate(title="Buy trees"))
        await write(app, update_item, editor, item.id, ItemUpdate(status=ItemStatus.DONE))
        await write(app, update_item, editor, item.id, ItemUpdate(title="Hidden"))
        await write(app, update_item, editor, item.id, ItemUpdate(status=ItemStatus.OPEN))
        await write(app, delete_item, editor, item.id)
        await write(app, restore_item, editor, item.id)
        await write(app, delete_item, editor, item.id)
        await write(app, delete_item, world.admin.actor, item.id, permanent=True)
        seen = [await opened.next() for _ in range(7 - 1)]
        trashed = [await trash.next() for _ in range(4)]
    told = [(event.seq - start, event.kind, event.effect, event.title) for event in seen]
    assert told == [
        (1, "created", "entered", "Buy seeds"),
        (2, "updated", "updated", "Buy trees"),
        (3, "updated", "left", None),
        (5, "updated", "entered", "Hidden"),
        (6, "deleted", "left", None),
        (7, "restored", "entered", "Hidden"),
    ]
    told = [(event.seq - start, event.kind, event.effect, event.title) for event in trashed]
    assert told == [
        (6, "deleted", "entered", "Hidden"),
        (7, "restored", "left", None),
        (8, "deleted", "entered", "Hidden"),
        (9, "deleted", "left", None),
    ]
    assert {event.entity_id for event in [*seen, *trashed]} == {str(item.id)}


@on_sqlite
@over_graphql
async def test_of_an_item_that_left_nothing_but_the_id_is_told(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    document = """subscription($w: UUID!) { itemChanges(workspaceId: $w, filter: {status: [OPEN]}) {
        seq kind effect itemId changed item { id } } }"""
    async with subscribed(transport, url, world.viewer.token, document, w=str(world.workspace)) as stream:
        await stream.next()
        item = await add_item(app, world)
        await write(app, update_item, world.editor.actor, item.id, ItemUpdate(title="Buy trees"))
        await write(app, update_item, world.editor.actor, item.id, ItemUpdate(status=ItemStatus.DONE, title="Secret"))
        entered, updated, left = [(await stream.next()).raw for _ in range(3)]
    assert (entered["effect"], entered["changed"], entered["item"]) == ("ENTERED", {}, {"id": str(item.id)})
    assert (updated["effect"], updated["changed"]["title"]) == ("UPDATED", "Buy seeds")
    assert (left["effect"], left["changed"], left["item"]) == ("LEFT", None, None)
    assert left["itemId"] == str(item.id)


@on_sqlite
@over_graphql
async def test_a_view_of_what_nobody_does_loses_what_somebody_takes(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    document = """subscription($w: UUID!, $filter: ItemFilter) {
        itemChanges(workspaceId: $w, filter: $filter) { seq kind effect itemId } }"""
    variables = {"w": str(world.workspace), "filter": {"assigneeId": None}}
    async with subscribed(transport, url, world.viewer.token, document, **variables) as stream:
        await stream.next()
        item = await add_item(app, world)
        for assignee in (world.viewer.id, None):
            await write(app, update_item, world.editor.actor, item.id, ItemUpdate(assignee_id=assignee))
        assert [(await stream.next()).raw["effect"] for _ in range(3)] == ["ENTERED", "LEFT", "ENTERED"]


async def live_a_day(app: FastAPI, world: World) -> None:
    """Do everything that can be done in a workspace."""
    admin, editor, place = world.admin.actor, world.editor.actor, world.workspace
    await write(app, update_workspace, admin, place, WorkspaceUpdate(name="Park"))
    await write(app, add_member, admin, place, MemberAdd(user_id=world.stranger.id, role=Role.VIEWER))
    await write(app, update_member, admin, place, world.stranger.id, MemberUpdate(role=Role.EDITOR))
    await write(app, remove_member, admin, place, world.stranger.id)
    item = await add_item(app, world)
    message = await write(app, create_message, editor, MessageCreate(item_id=item.id, body="Which?"))
    await write(app, update_message, editor, message.id, MessageUpdate(body="Which ones?"))
    await write(app, delete_message, editor, message.id)
    await write(app, update_item, editor, item.id, ItemUpdate(title="Buy trees"))
    file = await add_file(app, world.editor, item_id=item.id)
    await write(app, update_file, editor, file.id, FileUpdate(name="trees.txt"))
    await write(app, delete_item, editor, item.id)
    await write(app, restore_item, editor, item.id)
    await write(app, delete_item, admin, item.id, permanent=True)


# Of each change: kind, entity, version, who, the former values of interest, and what is there after it.
DAY: list[tuple[str, str, int, str, dict[str, Any], str]] = [
    ("UPDATED", "WORKSPACE", 2, "Admin", {"name": "Garden"}, "Park"),
    ("CREATED", "MEMBER", 1, "Admin", {}, "VIEWER Stranger stranger@example.com"),
    ("UPDATED", "MEMBER", 2, "Admin", {"role": "viewer"}, "EDITOR Stranger stranger@example.com"),
    ("DELETED", "MEMBER", 3, "Admin", {"role": "editor"}, "nothing"),
    ("CREATED", "ITEM", 1, "Editor", {}, "Buy seeds OPEN Editor"),
    ("CREATED", "MESSAGE", 1, "Editor", {}, "Which? Editor"),
    ("UPDATED", "MESSAGE", 2, "Editor", {"body": "Which?"}, "Which ones? Editor"),
    ("DELETED", "MESSAGE", 3, "Editor", {"body": "Which ones?"}, "nothing"),
    ("UPDATED", "ITEM", 2, "Editor", {"title": "Buy seeds"}, "Buy trees OPEN Editor"),
    ("CREATED", "FILE", 1, "Editor", {}, "seeds.txt 14 Editor"),
    ("UPDATED", "FILE", 2, "Editor", {"name": "seeds.txt"}, "trees.txt 14 Editor"),
    ("DELETED", "ITEM", 3, "Editor", {"deleted_at": None}, "Buy trees OPEN Editor in the trash"),
    ("DELETED", "FILE", 3, "Editor", {"deleted_at": None}, "trees.txt 14 Editor in the trash"),
    ("RESTORED", "ITEM", 4, "Editor", {}, "Buy trees OPEN Editor"),
    ("RESTORED", "FILE", 4, "Editor", {}, "trees.txt 14 Editor"),
    ("DELETED", "FILE", 5, "Admin", {"name": "trees.txt"}, "nothing"),
    ("DELETED", "ITEM", 5, "Admin", {"title": "Buy trees"}, "nothing"),
]


def after_the_change(event: Any) -> str:
    if item := event["item"]:
        trash = " in the trash" if item["deletedAt"] else ""
        return f"{item['title']} {item['status']} {item['owner']['name']}{trash}"
    if file := event["file"]:
        trash = " in the trash" if file["deletedAt"] else ""
        return f"{file['name']} {file['size']} {file['owner']['name']}{trash}"
    if message := event["message"]:
        return f"{message['body']} {message['author']['name']}"
    if member := event["member"]:
        return f"{member['role']} {member['user']['name']} {member['email']}"
    if event["workspace"]:
        assert event["workspace"]["seq"] == event["seq"]
        return str(event["workspace"]["name"])
    return "nothing"


@over_graphql
async def test_every_field_of_every_kind_of_change_is_told(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    start = await last_seq(app, world)
    place = str(world.workspace)
    async with subscribed(transport, url, world.viewer.token, EVERYTHING, w=place) as stream:
        ready = (await stream.next()).raw
        assert {key for key, value in ready.items() if value is not None} == {"seq", "kind"}
        await live_a_day(app, world)
        live = [event.raw for event in await stream.until(start + len(DAY))]
    async with subscribed(transport, url, world.viewer.token, EVERYTHING, w=place, after=start) as stream:
        gone = {"message": None, "file": None}
        again = [{**event.raw, **gone} for event in await stream.until(start + len(DAY))]
        assert again == [{**event, **gone} for event in live]
    for place_in_day, (event, (kind, entity, version, who, changed, after)) in enumerate(zip(live, DAY, strict=True)):
        assert (event["seq"], event["kind"], event["entity"]) == (start + place_in_day + 1, kind, entity)
        assert (event["version"], event["actor"]["name"]) == (version, who)
        assert changed.items() <= event["changed"].items()
        assert after_the_change(event) == after
        assert event["at"].endswith("Z")
    assert [event["entityId"] for event in live[:4]] == [place, *[str(world.stranger.id)] * 3]


@over_graphql
async def test_relations_inside_an_event_are_as_fresh_as_the_event(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    async with subscribed(transport, url, world.viewer.token, EVERYTHING, w=str(world.workspace)) as stream:
        await stream.next()
        item = await add_item(app, world)
        assert (await stream.next()).raw["item"]["owner"] == {"name": "Editor"}
        identity = app.state.identity
        await write(app, update_me, world.editor.actor, MeUpdate(name="Grace"), identity=identity)
        renamed = (await stream.next()).raw["member"]
        assert renamed == {"role": "EDITOR", "email": "editor@example.com", "user": {"name": "Grace"}}
        await write(app, update_item, world.editor.actor, item.id, ItemUpdate(title="Buy trees"))
        event = (await stream.next()).raw
    assert (event["actor"]["name"], event["item"]["owner"]) == ("Grace", {"name": "Grace"})


@on_sqlite
@over_graphql
async def test_new_messages_are_told_in_their_room_or_their_thread_alone(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    editor, token, place = world.editor.actor, world.viewer.token, str(world.workspace)
    item, other = [await add_item(app, world) for _ in range(2)]
    async with (
        subscribed(transport, url, token, POSTED, w=place) as room,
        subscribed(transport, url, token, POSTED, w=place, item=str(item.id)) as thread,
    ):
        assert [(await stream.next()).raw["message"] for stream in (room, thread)] == [None, None]
        start = await last_seq(app, world)
        posts = [
            MessageCreate(workspace_id=world.workspace, body="room"),
            MessageCreate(item_id=other.id, body="elsewhere"),
            MessageCreate(item_id=item.id, body="thread"),
        ]
        first, _, _ = [await write(app, create_message, editor, post) for post in posts]
        await write(app, update_message, editor, first.id, MessageUpdate(body="changed"))
        await write(app, create_message, editor, MessageCreate(workspace_id=world.workspace, body="room again"))
        rooms = [await room.next() for _ in range(2)]
        [threads] = [await thread.next() for _ in range(1)]
    assert [(event.seq - start, event.raw["message"]["body"]) for event in rooms] == [(1, "room"), (5, "room again")]
    assert (threads.seq - start, threads.raw["message"]["body"]) == (3, "thread")


@on_sqlite
@over_all
async def test_bad_arguments_and_foreign_workspaces_are_refused_as_the_catalogue_says(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    end = await last_seq(app, world)
    cases: list[tuple[str | None, dict[str, Any], str]] = [
        (world.viewer.token, {"where": {"tag": "x" * 51}}, "VALIDATION_ERROR"),
        (world.viewer.token, {"after": end + 1}, "BAD_REQUEST"),
        (world.stranger.token, {}, "NOT_FOUND"),
        (world.stranger.token, {"after": 0}, "NOT_FOUND"),
        (world.stranger.token, {"after": end + 1}, "NOT_FOUND"),
        (None, {"after": 0}, "UNAUTHENTICATED"),
        ("nonsense", {"after": 0}, "UNAUTHENTICATED"),
    ]
    for token, arguments, code in cases:
        async with watching(transport, url, token, world.workspace, **arguments) as stream:
            with pytest.raises(StreamEnd) as caught:
                await stream.next()
        assert caught.value.code == code, arguments
        assert (code == "VALIDATION_ERROR") == bool(caught.value.details.get("fields"))
        assert str(end) not in caught.value.message or code == "BAD_REQUEST"
    assert app.state.hub.channels == {}


@on_sqlite
@over_all
@pytest.mark.parametrize("after", [-1, 2**53])
async def test_what_cannot_be_a_number_of_a_change_is_not_valid(
    world: World, url: str, transport: str, after: int
) -> None:
    async with watching(transport, url, world.viewer.token, world.workspace, after=after) as stream:
        end = await stream.end()
    assert end.code == "VALIDATION_ERROR"
    assert [field["path"] for field in end.details["fields"]] == ["after"]


@on_sqlite
@pytest.mark.parametrize(
    "accept", ["application/json", "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"]
)
async def test_a_subscription_that_is_not_sent_for_a_stream_is_told_where_to_go(
    world: World, client: httpx.AsyncClient, accept: str
) -> None:
    response = await client.post(
        "/graphql",
        json={"query": POSTED, "variables": {"w": str(world.workspace)}},
        headers={"Authorization": f"Bearer {world.viewer.token}", "Accept": accept},
    )
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "text/event-stream" in error["message"]
    assert "graphql-transport-ws" in error["message"]
