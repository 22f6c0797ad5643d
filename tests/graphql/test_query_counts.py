"""A relation costs one statement per level of the query, however many rows there are."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from db.engine import Database
from db.models import Blob, File, Item, Member, Message, Role, User, Workspace
from db.models.base import new_id
from tests.doors.people import World
from tests.graphql.asking import IDENTIFICATION, read, statements

SIZES = (1, 10, 50)


async def grow(app: FastAPI, world: World, *, present: int, size: int) -> None:
    """Bring the number of everything from `present` to `size`, with one of each for each."""
    database: Database = app.state.database
    # After the people, who shall stay on the first page of each list.
    now = datetime(2100, 1, 1, tzinfo=UTC)
    async with database.write() as uow:
        for number in range(present, size):
            at = now + timedelta(seconds=number)
            user = User(name=f"{number}", email=f"{number}@rows.test", created_at=at)
            workspace = Workspace(name=f"{number}", created_at=at)
            await uow.session.insert(user, workspace)
            item = Item(workspace_id=world.workspace, owner_id=user.id, assignee_id=user.id, title=f"{number}")
            await uow.session.insert(
                item,
                Member(workspace_id=world.workspace, user_id=user.id, role=Role.VIEWER, created_at=at),
                Member(workspace_id=workspace.id, user_id=world.admin.id, role=Role.ADMIN),
            )
            thread = Message(workspace_id=world.workspace, item_id=item.id, author_id=user.id, body="thread")
            blob = Blob(id=new_id(), workspace_id=world.workspace, sha256=f"{number:064}", size=number)
            await uow.session.insert(
                Item(workspace_id=workspace.id, owner_id=world.admin.id, title="inside"),
                Message(workspace_id=world.workspace, item_id=None, author_id=user.id, body="room"),
                thread,
                blob,
            )
            file = File(
                workspace_id=world.workspace,
                item_id=item.id,
                message_id=thread.id,
                owner_id=user.id,
                blob_id=blob.id,
                name=f"{number}",
                size=number,
                sha256=blob.sha256,
                media_type="text/plain",
            )
            await uow.session.insert(file)


PLACE = "workspaceId: $w"
SHORT = "first: 2"

# What is asked for, and how many statements that takes besides finding out who asks. A list whose
# workspace is named takes one to see that workspace, and one for the rows.
QUERIES: dict[str, tuple[str, int]] = {
    "items": (f"items({PLACE}, first: 50) {{ nodes {{ id }} }}", 2),
    "items with total": (f"items({PLACE}, first: 50) {{ totalCount nodes {{ id }} }}", 3),
    "item.owner": (f"items({PLACE}, first: 50) {{ nodes {{ owner {{ id }} }} }}", 3),
    "item.assignee": (f"items({PLACE}, first: 50) {{ nodes {{ assignee {{ name }} }} }}", 3),
    "item.workspace": (f"items({PLACE}, first: 50) {{ nodes {{ workspace {{ id }} }} }}", 3),
    "item.messages": (f"items({PLACE}, first: 50) {{ nodes {{ messages({SHORT}) {{ nodes {{ id }} }} }} }}", 3),
    "item.messages with total": (
        f"items({PLACE}, first: 50) {{ nodes {{ messages({SHORT}) {{ totalCount nodes {{ id }} }} }} }}",
        4,
    ),
    "item.messages.author": (
        f"items({PLACE}, first: 50) {{ nodes {{ messages({SHORT}) {{ nodes {{ author {{ id }} }} }} }} }}",
        4,
    ),
    "item.owner.items": (
        f"items({PLACE}, first: 50) {{ nodes {{ owner {{ items({SHORT}) {{ nodes {{ id }} }} }} }} }}",
        4,
    ),
    "messages": (f"messages({PLACE}, first: 50) {{ nodes {{ id }} }}", 2),
    "message.author": (f"messages({PLACE}, first: 50) {{ nodes {{ author {{ id }} }} }}", 3),
    "message.workspace": (f"messages({PLACE}, first: 50) {{ nodes {{ workspace {{ id }} }} }}", 3),
    "message.item": (
        f"items({PLACE}, first: 50) {{ nodes {{ messages({SHORT}) {{ nodes {{ item {{ id }} }} }} }} }}",
        4,
    ),
    "item.files": (f"items({PLACE}, first: 50) {{ nodes {{ files({SHORT}) {{ nodes {{ id }} }} }} }}", 3),
    "message.files": (f"messages({PLACE}, first: 50) {{ nodes {{ files({SHORT}) {{ nodes {{ id }} }} }} }}", 3),
    "workspace.files": (f"workspaces(first: 50) {{ nodes {{ files({SHORT}) {{ nodes {{ id }} }} }} }}", 2),
    "files": (f"files({PLACE}, first: 50) {{ nodes {{ id }} }}", 2),
    "files with total": (f"files({PLACE}, first: 50) {{ totalCount nodes {{ id }} }}", 3),
    "file.relations": (
        f"files({PLACE}, first: 50) {{ nodes {{ item {{ id }} message {{ id }} owner {{ id }} workspace {{ id }} }} }}",
        6,
    ),
    "members": (f"members({PLACE}, first: 50) {{ nodes {{ role }} }}", 2),
    "member.user": (f"members({PLACE}, first: 50) {{ nodes {{ email user {{ name }} }} }}", 3),
    "member.workspace": (f"members({PLACE}, first: 50) {{ nodes {{ workspace {{ id }} }} }}", 3),
    "member.user.items": (
        f"members({PLACE}, first: 50) {{ nodes {{ user {{ items({SHORT}) {{ nodes {{ id }} }} }} }} }}",
        4,
    ),
    "workspaces": ("workspaces(first: 50) { nodes { id } }", 1),
    "workspace.role": ("workspaces(first: 50) { nodes { role } }", 2),
    "workspace.members": (f"workspaces(first: 50) {{ nodes {{ members({SHORT}) {{ nodes {{ role }} }} }} }}", 2),
    "workspace.members.user": (
        f"workspaces(first: 50) {{ nodes {{ members({SHORT}) {{ nodes {{ user {{ id }} }} }} }} }}",
        3,
    ),
    "workspace.items": (f"workspaces(first: 50) {{ nodes {{ items({SHORT}) {{ nodes {{ id }} }} }} }}", 2),
    "workspace.items.owner": (
        f"workspaces(first: 50) {{ nodes {{ items({SHORT}) {{ nodes {{ owner {{ id }} }} }} }} }}",
        3,
    ),
    "workspace.messages": (f"workspaces(first: 50) {{ nodes {{ messages({SHORT}) {{ nodes {{ id }} }} }} }}", 2),
    "changes": (f"changes({PLACE}, limit: 50) {{ nodes {{ seq }} }}", 2),
    "change.actor": (f"changes({PLACE}, limit: 50) {{ nodes {{ actor {{ id }} }} }}", 3),
    "two lists": (
        f"a: items({PLACE}) {{ nodes {{ owner {{ id }} }} }} b: members({PLACE}) {{ nodes {{ workspace {{ id }} }} }}",
        6,
    ),
}


async def test_statements_do_not_grow_with_the_rows(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    wanted = {name: number for name, (_, number) in QUERIES.items()}
    present = 0
    for size in SIZES:
        await grow(app, world, present=present, size=size)
        present = size
        taken = {}
        for name, (fields, _) in QUERIES.items():
            uses = "($w: UUID!)" if "$w" in fields else ""
            with statements(app) as seen:
                await read(client, world.admin.token, f"query{uses} {{ {fields} }}", w=str(world.workspace))
            taken[name] = len(seen) - IDENTIFICATION
        assert taken == wanted, size


async def test_accounts_and_their_relations_take_one_statement_per_level(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    wanted = {
        "users(first: 50) { nodes { id } }": 1,
        "users(first: 50) { nodes { items(first: 2) { nodes { id } } } }": 2,
        "users(first: 50) { nodes { workspaces(first: 2) { nodes { id members(first: 2) { nodes { role } } } } } }": 3,
        "me { items { nodes { id } } workspaces { nodes { id } } }": 3,
    }
    present = 0
    for size in SIZES:
        await grow(app, world, present=present, size=size)
        present = size
        for fields, number in wanted.items():
            with statements(app) as seen:
                await read(client, world.administrator.token, f"{{ {fields} }}")
            assert len(seen) - IDENTIFICATION == number, (size, fields)


REST_LISTS = {
    "/api/items?workspace_id={w}&limit=50": 2,
    "/api/items?workspace_id={w}&limit=50&include_total=true": 3,
    "/api/messages?workspace_id={w}&limit=50": 2,
    "/api/files?workspace_id={w}&limit=50": 2,
    "/api/workspaces?limit=50": 1,
    "/api/workspaces/{w}/members?limit=50": 2,
    "/api/workspaces/{w}/changes?limit=50": 2,
}


async def test_rest_lists_take_the_same_statements_for_any_number_of_rows(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    present = 0
    for size in SIZES:
        await grow(app, world, present=present, size=size)
        present = size
        for path, number in REST_LISTS.items():
            with statements(app) as seen:
                answer = await client.get(
                    path.format(w=world.workspace), headers={"Authorization": f"Bearer {world.admin.token}"}
                )
            assert answer.status_code == 200
            assert len(seen) - IDENTIFICATION == number, (size, path)


async def test_a_statement_per_row_would_be_noticed(app: FastAPI) -> None:
    database: Database = app.state.database
    with statements(app) as seen:
        await database.ping()
        await database.ping()
    assert seen == ["SELECT 1", "SELECT 1"]


@pytest.mark.parametrize("field", ["totalCount", "...T", "...on ItemConnection { t: totalCount }"])
async def test_only_a_selected_total_is_counted(
    app: FastAPI, client: httpx.AsyncClient, world: World, field: str
) -> None:
    await grow(app, world, present=0, size=3)
    fragment = "fragment T on ItemConnection { nodes { id } ...U } fragment U on ItemConnection { totalCount }"
    query = "query($w: UUID!) {{ items(workspaceId: $w, first: 1) {{ pageInfo {{ hasNextPage }} {} }} }} {}"
    counts = {}
    for selected in ("", field):
        with statements(app) as seen:
            text = query.format(selected, fragment if selected == "...T" else "")
            data = await read(client, world.admin.token, text, w=str(world.workspace))
        counts[selected] = sum("count(" in statement.lower() for statement in seen)
    assert counts == {"": 0, field: 1}
    assert 3 in data["items"].values()
