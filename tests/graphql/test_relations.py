"""Relations both ways, several root fields, fragments, and errors beside data."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from api.schemas.items import ItemCreate
from api.schemas.messages import MessageCreate
from api.services.items import create_item
from api.services.messages import create_message
from db.engine import Database
from graphql_schema.door.context import Context
from tests.doors.people import World
from tests.errors.socket import connected
from tests.graphql.asking import ask, read


@pytest.fixture
async def garden(app: FastAPI, world: World) -> dict[str, str]:
    """An item with a thread, an item without, and the room: names and their ids."""
    database: Database = app.state.database
    place = {"workspace_id": world.workspace}
    async with database.write() as uow:
        seeds = await create_item(
            uow, world.editor.actor, ItemCreate(title="seeds", assignee_id=world.viewer.id, **place)
        )
        bulbs = await create_item(uow, world.admin.actor, ItemCreate(title="bulbs", **place))
        for person, body, item_id in (
            (world.editor, "first", seeds.id),
            (world.admin, "second", seeds.id),
            (world.admin, "room", None),
        ):
            await create_message(uow, person.actor, MessageCreate(body=body, item_id=item_id, **place))
        await create_item(uow, world.stranger.actor, ItemCreate(title="hidden"))
    return {"seeds": str(seeds.id), "bulbs": str(bulbs.id), "place": str(world.workspace)}


async def test_a_workspace_leads_to_members_items_and_messages(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    data = await read(
        client,
        world.viewer.token,
        """query($id: UUID!) { workspace(id: $id) {
          name role
          members { nodes { role email user { name } workspace { id } } }
          items(sort: TITLE_ASC) { nodes { title } }
          messages { nodes { body item { id } author { name } } }
        } }""",
        id=garden["place"],
    )
    people = [(world.admin, "ADMIN"), (world.editor, "EDITOR"), (world.viewer, "VIEWER")]
    assert data["workspace"] == {
        "name": "Garden",
        "role": "VIEWER",
        "members": {
            "nodes": [
                {"role": role, "email": who.email, "user": {"name": who.name}, "workspace": {"id": garden["place"]}}
                for who, role in people
            ]
        },
        "items": {"nodes": [{"title": "bulbs"}, {"title": "seeds"}]},
        "messages": {"nodes": [{"body": "room", "item": None, "author": {"name": "Admin"}}]},
    }


async def test_an_item_leads_to_workspace_owner_assignee_and_thread_and_back(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    data = await read(
        client,
        world.viewer.token,
        """query($w: UUID!) { items(workspaceId: $w, sort: TITLE_ASC) { nodes {
          title workspace { name } owner { name items { nodes { title } } } assignee { name }
          messages(sort: CREATED_ASC) { nodes { body author { name } item { title } workspace { id } } }
        } } }""",
        w=garden["place"],
    )
    bulbs, seeds = data["items"]["nodes"]
    assert bulbs == {
        "title": "bulbs",
        "workspace": {"name": "Garden"},
        "owner": {"name": "Admin", "items": {"nodes": [{"title": "bulbs"}]}},
        "assignee": None,
        "messages": {"nodes": []},
    }
    around = {"item": {"title": "seeds"}, "workspace": {"id": garden["place"]}}
    assert seeds == {
        "title": "seeds",
        "workspace": {"name": "Garden"},
        "owner": {"name": "Editor", "items": {"nodes": [{"title": "seeds"}]}},
        "assignee": {"name": "Viewer"},
        "messages": {
            "nodes": [
                {"body": "first", "author": {"name": "Editor"}, **around},
                {"body": "second", "author": {"name": "Admin"}, **around},
            ]
        },
    }


async def test_relations_show_nothing_beyond_the_callers_workspaces(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    query = """query($id: UUID!) { account(id: $id) {
      items { totalCount nodes { title } } workspaces { totalCount nodes { id role } }
    } }"""
    about_stranger = await read(client, world.administrator.token, query, id=str(world.stranger.id))
    nothing = {"totalCount": 0, "nodes": []}
    assert about_stranger["account"] == {"items": nothing, "workspaces": nothing}

    own = await read(client, world.stranger.token, query, id=str(world.stranger.id))
    assert own["account"] == {
        "items": {"totalCount": 1, "nodes": [{"title": "hidden"}]},
        "workspaces": {"totalCount": 1, "nodes": [{"id": str(world.stranger.home), "role": "ADMIN"}]},
    }


async def test_two_root_fields_with_relations_run_side_by_side(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    fields = "nodes { owner { name } messages(sort: CREATED_ASC) { nodes { author { name } } } }"
    data = await read(
        client,
        world.viewer.token,
        f"""query($w: UUID!) {{
          a: items(workspaceId: $w, sort: TITLE_ASC) {{ {fields} }}
          b: items(workspaceId: $w, sort: TITLE_DESC) {{ {fields} }}
          me {{ items {{ nodes {{ id }} }} workspaces {{ nodes {{ name }} }} }}
        }}""",
        w=garden["place"],
    )
    authors = [{"author": {"name": "Editor"}}, {"author": {"name": "Admin"}}]
    assert data["a"]["nodes"] == [
        {"owner": {"name": "Admin"}, "messages": {"nodes": []}},
        {"owner": {"name": "Editor"}, "messages": {"nodes": authors}},
    ]
    assert data["b"]["nodes"] == data["a"]["nodes"][::-1]
    assert data["me"]["items"]["nodes"] == []
    assert len(data["me"]["workspaces"]["nodes"]) == 2


async def test_one_relation_is_asked_for_with_different_arguments_under_aliases(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    data = await read(
        client,
        world.viewer.token,
        """query($id: UUID!) { item(id: $id) {
          oldest: messages(first: 1, sort: CREATED_ASC) { ...Thread }
          newest: messages(first: 1) { ...Thread }
          all: messages(last: 5, sort: CREATED_ASC) { totalCount ...Thread }
        } }
        fragment Thread on MessageConnection { nodes { ... on Message { body } } }""",
        id=garden["seeds"],
    )
    assert data["item"] == {
        "oldest": {"nodes": [{"body": "first"}]},
        "newest": {"nodes": [{"body": "second"}]},
        "all": {"totalCount": 2, "nodes": [{"body": "first"}, {"body": "second"}]},
    }


async def test_mutations_run_one_after_the_other_and_see_each_other(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    data = await read(
        client,
        world.editor.token,
        """mutation($id: UUID!) {
          a: updateItem(id: $id, input: {title: "one"}, expectedVersion: 1) { version title }
          b: updateItem(id: $id, input: {priority: 3}, expectedVersion: 2) { version title }
          c: createMessage(input: {itemId: $id, body: "third"}) { item { version priority } }
          d: deleteItem(id: $id) { deletedId }
          e: restoreItem(id: $id) { version messages { totalCount } }
        }""",
        id=garden["seeds"],
    )
    assert data == {
        "a": {"version": 2, "title": "one"},
        "b": {"version": 3, "title": "one"},
        "c": {"item": {"version": 3, "priority": 3}},
        "d": {"deletedId": garden["seeds"]},
        "e": {"version": 5, "messages": {"totalCount": 3}},
    }


async def test_a_failed_mutation_takes_no_other_with_it(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    answer = await ask(
        client,
        world.editor.token,
        """mutation($id: UUID!) {
          a: updateItem(id: $id, input: {title: "one"}) { version }
          b: updateItem(id: $id, input: {title: "two"}, expectedVersion: 1) { version }
          c: updateItem(id: $id, input: {title: "three"}) { version }
        }""",
        id=garden["seeds"],
    )
    (error,) = answer["errors"]
    assert (answer["data"], error["path"]) == ({"a": {"version": 2}, "b": None, "c": {"version": 3}}, ["b"])
    assert error["extensions"]["code"] == "PRECONDITION_FAILED"
    assert error["extensions"]["details"] == {"expected_version": 1, "current_version": 2}
    item = (await read(client, world.viewer.token, f'{{ item(id: "{garden["seeds"]}") {{ title version }} }}'))["item"]
    assert item == {"title": "three", "version": 3}


async def test_a_failed_query_takes_no_other_with_it(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    answer = await ask(
        client,
        world.viewer.token,
        """query($id: UUID!, $nowhere: UUID!) {
          good: item(id: $id) { title }
          bad: item(id: $nowhere) { title }
          users { nodes { id } }
        }""",
        id=garden["seeds"],
        nowhere="00000000-0000-0000-0000-000000000000",
    )
    assert answer["data"] == {"good": {"title": "seeds"}, "bad": None, "users": None}
    assert {(error["path"][0], error["extensions"]["code"]) for error in answer["errors"]} == {
        ("bad", "NOT_FOUND"),
        ("users", "FORBIDDEN"),
    }


async def test_an_error_names_what_is_wrong_and_carries_code_details_and_request_id(
    client: httpx.AsyncClient, world: World, garden: dict[str, str]
) -> None:
    answer = await ask(
        client,
        world.viewer.token,
        "query($id: UUID!) { item(id: $id) { title messages(first: 101) { nodes { id } } } }",
        id=garden["seeds"],
    )
    expected: dict[str, Any] = {
        "code": "VALIDATION_ERROR",
        "details": {"fields": [{"path": "first", "message": "It must be between 1 and 100"}]},
    }
    (error,) = answer["errors"]
    request_id = error["extensions"].pop("request_id")
    assert (error["extensions"], bool(request_id)) == (expected, True)

    unknown = await ask(client, world.viewer.token, "{ items { nodes { colour } } }")
    assert unknown["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "colour" in unknown["errors"][0]["message"]


async def test_a_socket_that_asks_for_something_else_each_time_remembers_none_of_it(app: FastAPI, world: World) -> None:
    contexts = []
    make = Context.__init__

    def note(context: Context, connection: HTTPConnection) -> None:
        make(context, connection)
        contexts.append(context)

    query = "query($t: String) { workspaces { nodes { items(filter: {text: $t}) { nodes { id } } } } }"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "__init__", note)
        async with connected(app) as socket:
            await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {world.viewer.token}"}})
            assert (await socket.receive())["type"] == "connection_ack"
            for number in range(5):
                payload = {"query": query, "variables": {"t": f"seed {number}"}}
                await socket.send({"type": "subscribe", "id": "1", "payload": payload})
                assert list((await socket.receive())["payload"]) == ["data"]
                assert (await socket.receive())["type"] == "complete"
    [context] = contexts
    assert context._batches._asked == {}
