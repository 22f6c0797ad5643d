"""Anything by its id: what `node` and `nodes` find, for whom, and at which price."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from graphql import GraphQLInterfaceType, GraphQLObjectType, build_schema

from api.config import Settings
from api.schemas.items import ItemCreate
from api.schemas.messages import MessageCreate
from api.services.items import create_item
from api.services.messages import create_message
from api.services.users import delete_user
from db.engine import Database
from graphql_schema.schema import create_schema
from tests.doors.door import Door, DoorError
from tests.doors.people import Person, World
from tests.doors.things import refused
from tests.doors.uploading import CONTENT, add_file
from tests.graphql.asking import IDENTIFICATION, ask, read, statements

NODES = """query($ids: [ID!]!) { nodes(ids: $ids) {
  __typename id
  ... on User { name } ... on Workspace { name } ... on Item { title } ... on Message { body } ... on File { name size }
  ... on Member { role user { id } workspace { id } } ... on Change { seq kind actor { id } }
} }"""
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"
NO_NODES = {
    "Account": "the `User` with the same id is the node",
    "SecurityEvent": "an entry of a log that is read as a list",
    "Invitation": "of who is asked and who asks, and gone with the answer",
    "Job": "of administrators alone, who look after it where it is listed",
    "Session": "one's own, of which there is the list",
    "ApiKey": "as `Session`",
    "Webhook": "of the admins of a workspace, who look after it where it is listed",
    "CreatedWebhook": "a `Webhook`, the one time that its secret is shown",
    "WebhookDelivery": "as `Webhook`",
    "Upload": "of who promised it alone, until its file is there or it expires",
    "PendingFile": "a `File`, and before that nothing that could be read",
    "NewApiKey": "an `ApiKey`, the one time that its text is shown",
}
"""Types that have an id and are no nodes, and why."""


@dataclass(frozen=True)
class Things:
    """One of each kind in the world's workspace."""

    item: UUID
    message: UUID
    nodes: list[dict[str, Any]]

    @property
    def ids(self) -> list[str]:
        """The ids of all of them."""
        return [node["id"] for node in self.nodes]


@pytest.fixture
async def things(app: FastAPI, world: World) -> Things:
    """Make an item, a message and a file, and tell everything as its members see it."""
    database: Database = app.state.database
    place, editor = world.workspace, world.editor
    async with database.write() as uow:
        item = await create_item(uow, editor.actor, ItemCreate(title="Seeds", workspace_id=place))
        message = await create_message(uow, editor.actor, MessageCreate(body="Which?", workspace_id=place))
    file = await add_file(app, editor, workspace_id=place)
    member, change = f"member:{place}:{editor.id}", f"change:{place}:1"
    nodes: list[dict[str, Any]] = [
        {"__typename": "Message", "id": str(message.id), "body": "Which?"},
        {"__typename": "Change", "id": change, "seq": 1, "kind": "CREATED", "actor": {"id": str(world.admin.id)}},
        {"__typename": "User", "id": str(editor.id), "name": "Editor"},
        {
            "__typename": "Member",
            "id": member,
            "role": "EDITOR",
            "user": {"id": str(editor.id)},
            "workspace": {"id": str(place)},
        },
        {"__typename": "Item", "id": str(item.id), "title": "Seeds"},
        {"__typename": "Workspace", "id": str(place), "name": "Garden"},
        {"__typename": "File", "id": str(file.id), "name": "seeds.txt", "size": len(CONTENT)},
    ]
    return Things(item.id, message.id, nodes)


async def test_every_type_with_an_id_is_a_node_and_is_found_by_it(
    client: httpx.AsyncClient, world: World, things: Things
) -> None:
    schema = build_schema(create_schema(Settings.model_construct()).as_str())
    interface = schema.type_map["Node"]
    assert isinstance(interface, GraphQLInterfaceType)
    implementing = {one.name for one in schema.get_possible_types(interface)}
    objects = [one for one in schema.type_map.values() if isinstance(one, GraphQLObjectType)]
    assert {one.name for one in objects if "id" in one.fields} == implementing | set(NO_NODES)
    assert {str(one.fields["id"].type) for one in objects if "id" in one.fields} == {"ID!"}
    assert {node["__typename"] for node in things.nodes} == implementing

    nowhere = [str(uuid4()), f"member:{world.workspace}:{world.stranger.id}", f"change:{world.workspace}:99"]
    ids = [*things.ids, *nowhere, things.ids[4]]
    data = await read(client, world.viewer.token, NODES, ids=ids)
    assert data["nodes"] == [*things.nodes, None, None, None, things.nodes[4]]
    for node in things.nodes:
        one = await read(client, world.viewer.token, NODE, id=node["id"])
        assert one == {"node": {"__typename": node["__typename"], "id": node["id"]}}
    assert await read(client, world.viewer.token, NODE, id=nowhere[0]) == {"node": None}


async def test_the_ids_of_lists_and_of_single_things_are_those_of_nodes(
    client: httpx.AsyncClient, world: World, things: Things
) -> None:
    data = await read(
        client,
        world.viewer.token,
        """query($w: ID!) {
          members(workspaceId: $w) { nodes { id } } changes(workspaceId: $w) { nodes { id } }
          me { id user { __typename id name } }
        }""",
        w=str(world.workspace),
    )
    assert things.ids[3] in [node["id"] for node in data["members"]["nodes"]]
    assert things.ids[1] == data["changes"]["nodes"][0]["id"]
    me = str(world.viewer.id)
    assert data["me"] == {"id": me, "user": {"__typename": "User", "id": me, "name": "Viewer"}}


async def test_what_somebody_may_not_see_is_null(client: httpx.AsyncClient, world: World, things: Things) -> None:
    for person in (world.stranger, world.administrator):
        data = await read(client, person.token, NODES, ids=things.ids)
        users = {"User"} if person is world.administrator else set()
        assert {node["__typename"] for node in data["nodes"] if node} == users
        for id_ in (*things.ids[:2], *things.ids[3:]):
            assert await read(client, person.token, NODE, id=id_) == {"node": None}
    for query, variables in ((NODES, {"ids": things.ids}), (NODE, {"id": things.ids[0]})):
        answer = await ask(client, None, query, **variables)
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_user_is_seen_by_fellow_members_until_it_is_deleted(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    async def seen(by: Person, who: Person) -> bool:
        return (await read(client, by.token, NODE, id=str(who.id)))["node"] is not None

    assert await seen(world.stranger, world.stranger)
    assert await seen(world.viewer, world.admin)
    assert await seen(world.administrator, world.stranger)
    assert not await seen(world.stranger, world.viewer)
    assert not await seen(world.viewer, world.stranger)
    database: Database = app.state.database
    async with database.write() as uow:
        await delete_user(uow, world.administrator.actor, world.editor.id)
    assert not await seen(world.viewer, world.editor)
    assert not await seen(world.administrator, world.editor)


async def test_an_item_with_the_id_of_a_colleague_does_not_take_its_place(
    client: httpx.AsyncClient, world: World
) -> None:
    values = {"id": str(world.admin.id), "workspaceId": str(world.workspace), "title": "Impostor"}
    create = "mutation($input: ItemCreate!) { createItem(input: $input) { id } }"
    assert await read(client, world.editor.token, create, input=values) == {"createItem": {"id": str(world.admin.id)}}
    data = await read(client, world.viewer.token, NODE, id=str(world.admin.id))
    assert data == {"node": {"__typename": "User", "id": str(world.admin.id)}}


async def test_nodes_of_a_kind_are_one_statement_and_no_more_than_a_hundred_are_found(
    app: FastAPI, client: httpx.AsyncClient, world: World, things: Things
) -> None:
    plain = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    by_kind = {node["__typename"]: node["id"] for node in things.nodes}
    for ids, count in (
        ([by_kind["User"], str(world.viewer.id)], 1),
        ([by_kind["Workspace"]], 2),
        ([by_kind["Item"]] * 3, 3),
        ([by_kind["Message"]], 4),
        ([by_kind["File"]], 5),
        ([str(uuid4()) for _ in range(100)], 5),
        ([by_kind["Member"], f"member:{world.workspace}:{world.admin.id}"], 1),
        ([by_kind["Change"], f"change:{world.workspace}:2"], 1),
        (things.ids, 7),
        ([], 0),
    ):
        with statements(app) as seen:
            data = await read(client, world.viewer.token, plain, ids=ids)
        assert len(data["nodes"]) == len(ids)
        assert len(seen) - IDENTIFICATION == count, ids

    with statements(app) as seen:
        answer = await ask(client, world.viewer.token, plain, ids=[str(uuid4()) for _ in range(101)])
    details = answer["errors"][0]["extensions"]["details"]
    assert details == {"fields": [{"path": "ids", "message": "It must have at most 100 elements, and has 101"}]}
    assert len(seen) <= IDENTIFICATION


async def test_what_stands_below_nodes_is_priced_for_each_of_them(client: httpx.AsyncClient, world: World) -> None:
    below = "{ ... on Workspace { items(first: 100) { nodes { id } } } }"
    ids = [str(uuid4()) for _ in range(100)]
    written = ", ".join(f'"{id_}"' for id_ in ids)
    for answer in (
        await ask(client, world.viewer.token, f"query($ids: [ID!]!) {{ nodes(ids: $ids) {below} }}", ids=ids),
        await ask(client, world.viewer.token, f"{{ nodes(ids: [{written}]) {below} }}"),
        await ask(client, world.viewer.token, f"query($ids: [ID!]! = [{written}]) {{ nodes(ids: $ids) {below} }}"),
    ):
        assert answer["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    few = {"nodes": [None, None]}
    assert (
        await read(client, world.viewer.token, f"query($ids: [ID!]!) {{ nodes(ids: $ids) {below} }}", ids=ids[:2])
        == few
    )
    assert await read(client, world.viewer.token, f'{{ nodes(ids: ["{ids[0]}", "{ids[1]}"]) {below} }}') == few


NO_IDS = ["x", "", "7", "00000000-0000-0000-0000-00000000000g", "member:x:y", "item:1"]


async def test_what_is_no_id_is_refused_in_the_same_words_at_both_doors(
    rest: Door, graphql: Door, world: World
) -> None:
    for text in filter(None, NO_IDS):
        said = []
        for door in (rest, graphql):
            with pytest.raises(DoorError) as caught:
                await door.call("update_item", token=world.editor.token, id=text, data={"title": 7})
            assert caught.value.code == "VALIDATION_ERROR"
            said.append({field["path"]: field["message"] for field in caught.value.details["fields"]})
        assert set(said[0]) == set(said[1]) == {"id", "title"}
        assert said[0]["id"] == said[1]["id"]


async def test_a_literal_that_is_no_id_is_refused_by_its_path(client: httpx.AsyncClient, world: World) -> None:
    for text in NO_IDS:
        for call, path in (
            (f'item(id: "{text}") {{ title }}', "id"),
            (f'members(workspaceId: "{text}") {{ nodes {{ role }} }}', "workspace_id"),
            (f'messages(itemId: "{text}") {{ nodes {{ body }} }}', "item_id"),
            (f'node(id: "{text}") {{ id }}', "id"),
            (f'nodes(ids: ["{world.workspace}", "{text}"]) {{ id }}', "ids.1"),
        ):
            answer = await ask(client, world.editor.token, f"{{ {call} }}")
            extensions = answer["errors"][0]["extensions"]
            assert extensions["code"] == "VALIDATION_ERROR"
            assert [field["path"] for field in extensions["details"]["fields"]] == [path]


async def test_a_key_is_no_uuid(door: Door, world: World) -> None:
    member = f"member:{world.workspace}:{world.viewer.id}"
    for operation, arguments, path in (
        ("get_item", {"id": member}, "id"),
        ("delete_message", {"id": f"change:{world.workspace}:1"}, "id"),
        ("create_item", {"data": {"id": member, "title": "New"}}, "id"),
        ("create_item", {"data": {"assignee_id": member, "title": "New"}}, "assignee_id"),
        ("list_items", {"assignee_id": member}, "assignee_id"),
    ):
        with refused("VALIDATION_ERROR", path):
            await door.call(operation, token=world.editor.token, **arguments)


async def test_variables_may_still_be_declared_as_uuids(
    client: httpx.AsyncClient, world: World, things: Things
) -> None:
    query = """query($id: UUID!, $w: UUID, $all: [UUID!]!, $who: UUID) {
      item(id: $id) { title } items(workspaceId: $w, filter: {assigneeId: $who}) { nodes { id } }
      nodes(ids: $all) { id }
    }"""
    id_ = str(things.item)
    data = await read(client, world.viewer.token, query, id=id_, w=str(world.workspace), all=[id_])
    assert data == {"item": {"title": "Seeds"}, "items": {"nodes": [{"id": id_}]}, "nodes": [{"id": id_}]}
    answer = await ask(client, world.viewer.token, "query($id: UUID!) {\n  item(id: $id) { titel } }", id=id_)
    assert answer["errors"][0]["locations"] == [{"line": 2, "column": 19}]


async def test_a_member_who_left_is_named_by_its_id(client: httpx.AsyncClient, world: World) -> None:
    remove = "mutation($w: ID!, $u: ID!) { removeMember(workspaceId: $w, userId: $u) { deletedId } }"
    data = await read(client, world.admin.token, remove, w=str(world.workspace), u=str(world.viewer.id))
    assert data == {"removeMember": {"deletedId": f"member:{world.workspace}:{world.viewer.id}"}}
