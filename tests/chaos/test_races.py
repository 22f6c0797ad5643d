"""Races through the doors: every request gets its answer, and of those who want the same, one wins."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from api.schemas.workspaces import MemberUpdate
from api.services.members import remove_member, update_member
from db.engine import Database
from db.models import Role
from tests.chaos.waiting import LIMIT_SECONDS, someone_waits, until
from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, DoorError
from tests.doors.people import World, make_world

PARALLEL = 50

NESTED = """query($id: UUID!) {
  workspace(id: $id) {
    name
    members { nodes { user { name } } }
    items { nodes { title owner { name } assignee { name } messages { nodes { body author { name } } } } }
  }
  me { name items { nodes { title } } workspaces { nodes { name role } } }
}"""


async def attempt(door: Door, operation: str, **arguments: Any) -> Any:
    """Call an operation; return its answer, or the error's code."""
    try:
        return await door.call(operation, **arguments)
    except DoorError as error:
        return error.code


async def changes_of(door: Door, world: World) -> list[dict[str, Any]]:
    """Return the whole log of the workspace."""
    log = await door.call("list_changes", token=world.viewer.token, id=str(world.workspace), limit=100)
    entries: list[dict[str, Any]] = log["data"]
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert log["has_more"] is False
    return entries


async def make_item(door: Door, world: World, **values: Any) -> dict[str, Any]:
    data = {"workspace_id": str(world.workspace), "title": "Wanted by many", **values}
    item: dict[str, Any] = await door.call("create_item", token=world.editor.token, data=data)
    return item


async def ask(client: httpx.AsyncClient, world: World) -> dict[str, Any]:
    """Send the nested query and return its data."""
    response = await client.post(
        "/graphql",
        json={"query": NESTED, "variables": {"id": str(world.workspace)}},
        headers={"Authorization": f"Bearer {world.editor.token}"},
    )
    answer = response.json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


async def fill(door: Door, world: World) -> None:
    """Put an item with an assignee and a message into the workspace."""
    item = await make_item(door, world, assignee_id=str(world.viewer.id))
    await door.call("create_message", token=world.editor.token, data={"item_id": item["id"], "body": "Mine"})


async def test_fifty_parallel_requests_of_each_door_share_a_pool_of_five(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World
) -> None:
    assert app.state.settings.database_pool_size == 5
    await fill(rest, world)
    alone = await ask(client, world)
    listed = await rest.call("list_items", token=world.viewer.token, workspace_id=str(world.workspace))

    async def read() -> Any:
        return await rest.call("list_items", token=world.viewer.token, workspace_id=str(world.workspace))

    async with asyncio.timeout(LIMIT_SECONDS):
        answers, nested = await asyncio.gather(
            asyncio.gather(*(read() for _ in range(PARALLEL))),
            asyncio.gather(*(ask(client, world) for _ in range(PARALLEL))),
        )

    assert answers == [listed] * PARALLEL
    assert nested == [alone] * PARALLEL
    assert [item["title"] for item in listed["data"]] == ["Wanted by many"]
    assert alone["workspace"]["items"]["nodes"][0]["messages"]["nodes"] == [
        {"body": "Mine", "author": {"name": "Editor"}}
    ]


async def test_fifty_parallel_writes_share_a_pool_of_five(door: Door, world: World) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        items = await asyncio.gather(*(make_item(door, world, title=f"Item {index}") for index in range(PARALLEL)))

    assert {item["title"] for item in items} == {f"Item {index}" for index in range(PARALLEL)}
    entries = await changes_of(door, world)
    assert Counter(entry["entity_id"] for entry in entries[4:]) == Counter(item["id"] for item in items)


async def test_two_root_fields_with_relations_make_do_with_one_connection(make_app: AppFactory) -> None:
    app = await make_app(database_pool_size=1)
    world = await make_world(app)
    async with asyncio.timeout(LIMIT_SECONDS), client_of(app) as client:
        answers = await asyncio.gather(*(ask(client, world) for _ in range(5)))

    assert [answer["me"]["name"] for answer in answers] == ["Editor"] * 5
    assert [len(answer["workspace"]["members"]["nodes"]) for answer in answers] == [3] * 5


async def test_of_a_hundred_racing_updates_exactly_one_wins_each_version(door: Door, world: World) -> None:
    item = await make_item(door, world)

    async def race(version: int) -> list[Any]:
        async def run(runner: int) -> Any:
            data = {"fields": {"winner": f"{version}/{runner}"}}
            return await attempt(
                door, "update_item", token=world.editor.token, id=item["id"], data=data, expected_version=version
            )

        return await asyncio.gather(*(run(runner) for runner in range(25)))

    async with asyncio.timeout(LIMIT_SECONDS):
        heats = [await race(version) for version in (1, 2, 3, 4)]

    winners = [[answer for answer in heat if not isinstance(answer, str)] for heat in heats]
    assert [[answer["version"] for answer in won] for won in winners] == [[2], [3], [4], [5]]
    losers = Counter(answer for heat in heats for answer in heat if isinstance(answer, str))
    assert losers == {"PRECONDITION_FAILED": 96}
    assert (await door.call("get_item", token=world.viewer.token, id=item["id"])) == winners[-1][0]
    entries = await changes_of(door, world)
    told = [entry["state"] for entry in entries if entry["kind"] == "updated"]
    assert told == [won[0] for won in winners]


async def test_updates_of_mixed_versions_win_one_after_the_other(door: Door, world: World) -> None:
    item = await make_item(door, world)

    async def run(runner: int) -> Any:
        return await attempt(
            door,
            "update_item",
            token=world.editor.token,
            id=item["id"],
            data={"title": f"By {runner}"},
            expected_version=1 + runner % 4,
        )

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(*(run(runner) for runner in range(20)))

    won = sorted(answer["version"] for answer in answers if not isinstance(answer, str))
    assert won == list(range(2, 2 + len(won)))
    assert won
    assert Counter(answer for answer in answers if isinstance(answer, str)) == {"PRECONDITION_FAILED": 20 - len(won)}
    assert (await door.call("get_item", token=world.viewer.token, id=item["id"]))["version"] == 1 + len(won)


async def test_counting_by_version_and_retry_loses_no_count(door: Door, world: World) -> None:
    item = await make_item(door, world, fields={"count": 0})

    async def add_one() -> None:
        while True:
            seen = await door.call("get_item", token=world.editor.token, id=item["id"])
            data = {"fields": {"count": seen["fields"]["count"] + 1}}
            answer = await attempt(
                door,
                "update_item",
                token=world.editor.token,
                id=item["id"],
                data=data,
                expected_version=seen["version"],
            )
            if answer != "PRECONDITION_FAILED":
                assert answer["fields"] == data["fields"]
                return

    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(*(add_one() for _ in range(5)))

    final = await door.call("get_item", token=world.viewer.token, id=item["id"])
    assert (final["fields"], final["version"]) == ({"count": 5}, 6)


@pytest.mark.parametrize("resource", ["item", "message"])
async def test_racing_creates_of_one_id_make_one_row_and_one_change(door: Door, world: World, resource: str) -> None:
    chosen = str(uuid4())
    extra = {"title": "Only once"} if resource == "item" else {"body": "Only once"}
    data = {"id": chosen, "workspace_id": str(world.workspace), **extra}

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(
            *(door.call(f"create_{resource}", token=world.editor.token, data=data) for _ in range(20))
        )

    assert [answer["id"] for answer in answers] == [chosen] * 20
    assert all(answer == answers[0] for answer in answers)
    entries = await changes_of(door, world)
    assert [(entry["seq"], entry["kind"]) for entry in entries if entry["entity_id"] == chosen] == [(5, "created")]
    assert len(entries) == 5


async def test_racing_creates_of_one_id_in_two_workspaces_leave_one_item(door: Door, world: World) -> None:
    chosen = str(uuid4())

    async def create(workspace: UUID) -> Any:
        data = {"id": chosen, "workspace_id": str(workspace), "title": "Only once"}
        return await attempt(door, "create_item", token=world.editor.token, data=data)

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(*(create(place) for place in (world.workspace, world.editor.home) * 10))

    kept = {answer["workspace_id"] for answer in answers if not isinstance(answer, str)}
    assert len(kept) == 1
    assert Counter(answer for answer in answers if isinstance(answer, str)) == {"CONFLICT": 10}
    item = await door.call("get_item", token=world.editor.token, id=chosen)
    assert {item["workspace_id"]} == kept


async def test_racing_creates_of_one_workspace_make_one(door: Door, world: World) -> None:
    data = {"id": str(uuid4()), "name": "Orchard"}

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(
            *(attempt(door, "create_workspace", token=world.editor.token, data=data) for _ in range(20))
        )

    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["id"] == data["id"]
    log = await door.call("list_changes", token=world.editor.token, id=data["id"])
    assert [(entry["seq"], entry["entity"]) for entry in log["data"]] == [(1, "workspace"), (2, "member")]


async def test_racing_sign_ups_with_one_address_make_one_account(door: Door, world: World) -> None:
    password = "Correct horse 1"
    data = {"name": "Twin", "email": "twin@example.com", "password": password, "password_confirm": password}

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(*(attempt(door, "create_user", data=data) for _ in range(10)))

    assert Counter(answer for answer in answers if isinstance(answer, str)) == {"CONFLICT": 9}
    accounts = await door.call("list_users", token=world.administrator.token, limit=100)
    assert [account["email"] for account in accounts["data"]].count("twin@example.com") == 1


async def test_two_last_admins_who_leave_at_once_leave_one_behind(app: FastAPI, door: Door, world: World) -> None:
    database: Database = app.state.database
    async with database.write() as uow:
        await update_member(uow, world.admin.actor, world.workspace, world.editor.id, MemberUpdate(role=Role.ADMIN))

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(
            *(
                attempt(door, "remove_member", token=person.token, id=str(world.workspace), user_id=str(person.id))
                for person in (world.admin, world.editor)
            )
        )

    assert sorted(answers, key=str) == ["CONFLICT", None]
    members = await door.call("list_members", token=world.viewer.token, id=str(world.workspace))
    assert Counter(member["role"] for member in members["data"]) == {"admin": 1, "viewer": 1}


async def test_two_last_admins_who_remove_each_other_leave_one_behind(app: FastAPI, door: Door, world: World) -> None:
    database: Database = app.state.database
    async with database.write() as uow:
        await update_member(uow, world.admin.actor, world.workspace, world.editor.id, MemberUpdate(role=Role.ADMIN))

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(
            *(
                attempt(door, "remove_member", token=one.token, id=str(world.workspace), user_id=str(other.id))
                for one, other in ((world.admin, world.editor), (world.editor, world.admin))
            )
        )

    # The one who came second was no member any more.
    assert sorted(answers, key=str) == ["NOT_FOUND", None]
    members = await door.call("list_members", token=world.viewer.token, id=str(world.workspace))
    assert Counter(member["role"] for member in members["data"]) == {"admin": 1, "viewer": 1}


async def test_two_last_administrators_who_delete_each_other_leave_one_behind(door: Door, world: World) -> None:
    data = {"role": "admin"}
    await door.call("update_user", token=world.administrator.token, id=str(world.stranger.id), data=data)

    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(
            *(
                attempt(door, "delete_user", token=one.token, id=str(other.id))
                for one, other in ((world.administrator, world.stranger), (world.stranger, world.administrator))
            )
        )

    assert answers.count(None) == 1
    survivor = world.administrator if answers[0] is None else world.stranger
    accounts = await door.call("list_users", token=survivor.token, limit=100)
    assert [account["id"] for account in accounts["data"] if account["role"] == "admin"] == [str(survivor.id)]


async def test_a_member_removed_while_its_update_waits_changes_nothing(app: FastAPI, door: Door, world: World) -> None:
    item = await make_item(door, world)
    database: Database = app.state.database
    async with asyncio.timeout(LIMIT_SECONDS):
        async with database.write() as uow:
            await remove_member(uow, world.admin.actor, world.workspace, world.editor.id)
            update = asyncio.create_task(
                attempt(door, "update_item", token=world.editor.token, id=item["id"], data={"title": "Too late"})
            )
            # The update was let in as the editor's and stands in line when the removal is committed.
            await until(someone_waits(database))
            assert not update.done()
        assert await update == "NOT_FOUND"

    assert await door.call("get_item", token=world.viewer.token, id=item["id"]) == item
    entries = await changes_of(door, world)
    assert [(entry["kind"], entry["entity"]) for entry in entries[4:]] == [("created", "item"), ("deleted", "member")]


async def test_another_name_and_another_role_at_once_are_two_changes(app: FastAPI, door: Door, world: World) -> None:
    database: Database = app.state.database
    member = {"id": str(world.workspace), "user_id": str(world.viewer.id)}
    async with asyncio.timeout(LIMIT_SECONDS):
        async with database.write() as uow:
            role = MemberUpdate(role=Role.EDITOR)
            await update_member(uow, world.admin.actor, world.workspace, world.viewer.id, role)
            rename = door.call("update_me", token=world.viewer.token, data={"name": "Grace"})
            waiting = asyncio.create_task(rename)
            await until(someone_waits(database))
        await waiting

    changes = (await changes_of(door, world))[-2:]
    assert [(one["entity_id"], one["version"]) for one in changes] == [(member["user_id"], 2), (member["user_id"], 3)]
    assert changes[1]["state"] == {**changes[0]["state"], **{k: changes[1]["state"][k] for k in changes[1]["changed"]}}
    assert (changes[1]["state"]["role"], set(changes[1]["changed"])) == ("editor", {"name", "version", "updated_at"})
