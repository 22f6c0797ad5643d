"""Subscribers who ask for the same share one execution and one JSON per event, and nobody else's eyes."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from graphql.execution.collect_fields import FieldDetails

from api.schemas.items import ItemCreate, ItemUpdate
from api.schemas.users import MeUpdate
from api.schemas.workspaces import WorkspaceUpdate
from api.services import users
from api.services.items import create_item, update_item
from api.services.workspaces import update_workspace
from db.errors import DatabaseUnavailableError
from graphql_schema.door.shared_results import SharedResults
from tests.doors.people import Person, World
from tests.doors.uploading import add_file
from tests.files.pictures import picture
from tests.streams.subscribing import PATIENCE_SECONDS, Subscriber, subscribed

SELECTION = "{ seq kind effect item { id title owner { name } messages(first: 2) { nodes { body } } } actor { name } }"
ITEMS = f"subscription($w: UUID!, $after: BigInt) {{ itemChanges(workspaceId: $w, after: $after) {SELECTION} }}"
RENAMED = f"subscription($v: UUID!, $from: BigInt) {{ itemChanges(workspaceId: $v, after: $from) {SELECTION} }}"
# A fragment at the root keeps an operation from being shared; its results are the same.
ALONE = ITEMS.replace("{ itemChanges", "{ ... { itemChanges") + " }"
FILTERED = (
    f"subscription($w: UUID!, $f: ItemFilter) {{ itemChanges(workspaceId: $w, filter: $f) {{ changed {SELECTION[1:]} }}"
)


async def add_item(app: FastAPI, person: Person, workspace: UUID, title: str = "Rake") -> UUID:
    async with app.state.database.write() as uow:
        return (await create_item(uow, person.actor, ItemCreate(workspace_id=workspace, title=title))).id


async def rename(app: FastAPI, person: Person, item: UUID, title: str) -> None:
    async with app.state.database.write() as uow:
        await update_item(uow, person.actor, item, ItemUpdate(title=title))


async def rename_workspace(app: FastAPI, world: World) -> None:
    async with app.state.database.write() as uow:
        await update_workspace(uow, world.admin.actor, world.workspace, WorkspaceUpdate(name="Field"))


@asynccontextmanager
async def all_subscribed(
    app: FastAPI, people: Sequence[Person], query: str, **variables: Any
) -> AsyncIterator[list[Subscriber]]:
    """Subscribe once for each of the people."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(subscribed(app, person.token, query, **variables)) for person in people]


async def test_the_same_operation_is_executed_and_written_once(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[object] = []

    def dumps(value: object, **options: Any) -> str:
        if isinstance(value, dict) and "itemChanges" in value:
            written.append(value)
        return json.dumps(value, **options)

    monkeypatch.setattr("graphql_schema.door.json_text.json", SimpleNamespace(dumps=dumps))
    people = [world.admin, world.editor, world.viewer] * 4
    async with all_subscribed(app, people, ITEMS, w=str(world.workspace)) as subscribers:
        before = app.state.shared_results.executions
        item = await add_item(app, world.editor, world.workspace)
        events = [await subscriber.event() for subscriber in subscribers]
        assert (app.state.shared_results.executions - before, len(written)) == (1, 1)
        await rename(app, world.admin, item, "Spade")
        again = [await subscriber.event() for subscriber in subscribers]
        assert (app.state.shared_results.executions - before, len(written)) == (2, 2)
    assert {event["item"]["title"] for event in events} == {"Rake"}
    assert [(event["item"]["title"], event["actor"]["name"]) for event in again] == [("Spade", "Admin")] * 12


async def test_names_of_variables_and_the_number_to_resume_at_do_not_matter(app: FastAPI, world: World) -> None:
    first = await add_item(app, world.editor, world.workspace)
    async with (
        subscribed(app, world.editor.token, ITEMS, w=str(world.workspace)) as now,
        subscribed(app, world.viewer.token, ITEMS, w=str(world.workspace), after=0) as early,
        subscribed(app, world.admin.token, RENAMED, v=str(world.workspace)) as renamed,
    ):
        assert (await early.event())["item"]["id"] == str(first)
        before = app.state.shared_results.executions
        await add_item(app, world.editor, world.workspace, "Hose")
        events = [await subscriber.event() for subscriber in (now, early, renamed)]
        assert app.state.shared_results.executions - before == 1
    assert events == [events[0]] * 3


async def test_another_selection_or_another_value_in_it_is_executed_by_itself(app: FastAPI, world: World) -> None:
    other = ITEMS.replace("title", "title status")
    inner = ITEMS.replace("$w: UUID!", "$w: UUID!, $n: Int").replace("first: 2", "first: $n")
    w = str(world.workspace)
    async with (
        subscribed(app, world.viewer.token, ITEMS, w=w) as plain,
        subscribed(app, world.viewer.token, other, w=w) as different,
        subscribed(app, world.viewer.token, inner, w=w, n=3) as three,
        subscribed(app, world.viewer.token, inner, w=w, n=4) as four,
    ):
        before = app.state.shared_results.executions
        await add_item(app, world.editor, world.workspace)
        events = [await subscriber.event() for subscriber in (plain, different, three, four)]
        assert app.state.shared_results.executions - before == 4
    assert [list(event["item"]) for event in events] == [
        ["id", "title", "owner", "messages"],
        ["id", "title", "status", "owner", "messages"],
        ["id", "title", "owner", "messages"],
        ["id", "title", "owner", "messages"],
    ]


async def test_a_variable_that_is_null_is_not_one_that_was_not_given(app: FastAPI, world: World) -> None:
    query = """subscription($w: UUID!, $s: MessageSort) { itemChanges(workspaceId: $w) {
        kind item { title messages(sort: $s) { nodes { body } } } } }"""
    w = str(world.workspace)
    async with (
        subscribed(app, world.viewer.token, query, w=w, s=None) as null,
        subscribed(app, world.editor.token, query, w=w) as absent,
    ):
        for _ in range(3):
            await add_item(app, world.editor, world.workspace)
            [error] = (await null.next())["errors"]
            assert error["extensions"]["code"] == "BAD_REQUEST"
            assert (await absent.event())["item"] == {"title": "Rake", "messages": {"nodes": []}}


async def test_filters_share_what_looks_the_same_in_both_views_and_nothing_else(app: FastAPI, world: World) -> None:
    item = await add_item(app, world.editor, world.workspace, "Old rake")
    w = str(world.workspace)
    async with (
        subscribed(app, world.viewer.token, FILTERED, w=w, f={"text": "rake"}) as rakes,
        subscribed(app, world.editor.token, FILTERED, w=w, f={"text": "new"}) as new,
        subscribed(app, world.admin.token, FILTERED, w=w, f={"text": "old"}) as old,
    ):
        before = app.state.shared_results.executions
        await rename(app, world.editor, item, "New rake")
        events = [await subscriber.event() for subscriber in (rakes, new, old)]
        shown = [(event["effect"], event["item"] and event["item"]["title"], event["changed"]) for event in events]
        assert [(effect, title) for effect, title, _ in shown] == [
            ("UPDATED", "New rake"),
            ("ENTERED", "New rake"),
            ("LEFT", None),
        ]
        # Of what left nothing is told but the id.
        assert [changed and changed["title"] for *_, changed in shown] == ["Old rake", "Old rake", None]
        assert app.state.shared_results.executions - before == 3
        await rename(app, world.editor, item, "New old rake")
        assert [(await s.event())["effect"] for s in (rakes, new, old)] == ["UPDATED", "UPDATED", "ENTERED"]
        assert app.state.shared_results.executions - before == 5


@pytest.mark.parametrize(
    "query",
    [
        "subscription($w: UUID!) { changes(workspaceId: $w) { kind workspace { name role } } }",
        """subscription($w: UUID!) { changes(workspaceId: $w) { kind workspace { ...a } } }
        fragment a on Workspace { name ... { ...b } } fragment b on Workspace { role }""",
        "subscription($w: UUID!) { changes(workspaceId: $w) { kind ... on ChangeEvent { workspace { name role } } } }",
    ],
)
async def test_a_personal_field_is_seen_with_the_subscribers_own_eyes(app: FastAPI, world: World, query: str) -> None:
    people = [world.admin, world.editor, world.viewer]
    async with all_subscribed(app, people, query, w=str(world.workspace)) as subscribers:
        await rename_workspace(app, world)
        seen = [(await subscriber.event())["workspace"] for subscriber in subscribers]
    assert seen == [{"name": "Field", "role": role} for role in ("ADMIN", "EDITOR", "VIEWER")]
    assert app.state.shared_results.executions == 0


async def test_an_address_of_a_thumbnail_is_the_subscribers_own(app: FastAPI, world: World) -> None:
    query = "subscription($w: UUID!) { changes(workspaceId: $w) { kind file { name thumbnailUrl } } }"
    async with all_subscribed(app, [world.admin, world.viewer], query, w=str(world.workspace)) as subscribers:
        await add_file(app, world.editor, picture(), workspace_id=world.workspace)
        urls = [(await subscriber.event())["file"]["thumbnailUrl"] for subscriber in subscribers]
    links = [app.state.file_rules.thumbnail_links.read(url.partition("&link=")[2]) for url in urls]
    assert [link.user_id for link in links] == [world.admin.id, world.viewer.id]


async def test_a_persons_items_elsewhere_stay_invisible(app: FastAPI, world: World) -> None:
    query = """subscription($w: UUID!) { itemChanges(workspaceId: $w) { kind actor { ...owner } } }
        fragment owner on User { items(first: 5, sort: CREATED_ASC) { nodes { title } } }"""
    await add_item(app, world.editor, world.editor.home, "Diary")
    people = [world.editor, world.viewer]
    async with all_subscribed(app, people, query, w=str(world.workspace)) as subscribers:
        await add_item(app, world.editor, world.workspace)
        events = [await subscriber.event() for subscriber in subscribers]
    titles = [[node["title"] for node in event["actor"]["items"]["nodes"]] for event in events]
    assert titles == [["Diary", "Rake"], ["Rake"]]
    assert app.state.shared_results.executions == 0


async def test_who_leaves_while_the_shared_execution_runs_disturbs_nobody(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, go_on, load = asyncio.Event(), asyncio.Event(), users.get_users

    async def slow(*arguments: Any) -> Any:
        running.set()
        await go_on.wait()
        return await load(*arguments)

    monkeypatch.setattr(users, "get_users", slow)
    async with all_subscribed(app, [world.admin, world.viewer], ITEMS, w=str(world.workspace)) as (first, second):
        await add_item(app, world.editor, world.workspace)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await running.wait()
            await first.leave()
            while len(list(app.state.hub.streams())) > 1:  # noqa: ASYNC110 - the hub tells nobody about an end
                await asyncio.sleep(0)
        go_on.set()
        assert (await second.event())["actor"] == {"name": "Editor"}
        assert app.state.shared_results.executions == 1


async def test_an_error_reaches_each_subscriber_under_its_own_request(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: Any) -> Any:
        raise RuntimeError("SELECT secret")

    async with all_subscribed(app, [world.admin, world.viewer], ITEMS, w=str(world.workspace)) as subscribers:
        with monkeypatch.context() as broken:
            broken.setattr(users, "get_users", fail)
            await add_item(app, world.editor, world.workspace)
            payloads = [await subscriber.next() for subscriber in subscribers]
        errors = [payload["errors"][-1] for payload in payloads]
        assert [(error["extensions"]["code"], "SELECT" in str(error)) for error in errors] == [
            ("INTERNAL_ERROR", False)
        ] * 2
        assert len({error["extensions"]["request_id"] for error in errors}) == 2
        assert all(payload["data"]["itemChanges"]["actor"] is None for payload in payloads)
        await add_item(app, world.editor, world.workspace)
        assert [(await subscriber.event())["actor"] for subscriber in subscribers] == [{"name": "Editor"}] * 2
    # An error is nothing to keep: who replays that change has a new try.
    async with subscribed(app, world.editor.token, ITEMS, w=str(world.workspace), after=0) as late:
        assert (await late.event())["actor"] == {"name": "Editor"}


async def test_shared_results_equal_those_made_for_one_alone(app: FastAPI, world: World) -> None:
    w = str(world.workspace)
    async with (
        subscribed(app, world.viewer.token, ITEMS, w=w) as shared,
        subscribed(app, world.editor.token, ITEMS, w=w) as also,
        subscribed(app, world.admin.token, ALONE, w=w) as alone,
    ):
        item = await add_item(app, world.editor, world.workspace, 'Ünïcode \u2028 🌱 "</script>')
        await rename(app, world.admin, item, "Rake")
        async with app.state.database.write() as uow:
            await update_item(uow, world.editor.actor, item, ItemUpdate(assignee_id=world.viewer.id))
        for _ in range(3):
            payloads = [await subscriber.next() for subscriber in (shared, also, alone)]
            assert payloads == [payloads[-1]] * 3
        assert app.state.shared_results.executions == 3


async def test_who_replays_gets_relations_as_they_are_by_then(app: FastAPI, world: World) -> None:
    w = str(world.workspace)
    async with subscribed(app, world.viewer.token, ITEMS, w=w) as live:
        await add_item(app, world.editor, world.workspace)
        assert (await live.event())["actor"] == {"name": "Editor"}
    async with app.state.database.write() as uow:
        await users.update_me(uow, world.editor.actor, MeUpdate(name="Edith"), identity=app.state.identity)
    for _ in range(2):
        async with subscribed(app, world.viewer.token, ITEMS, w=w, after=0) as late:
            assert (await late.event())["actor"] == {"name": "Edith"}


@pytest.mark.parametrize("query", [ITEMS, ALONE], ids=["shared", "alone"])
async def test_an_event_that_the_database_leaves_half_told_ends_the_stream_before_it(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    async def fail(*_arguments: Any) -> Any:
        raise DatabaseUnavailableError

    w = str(world.workspace)
    async with subscribed(app, world.viewer.token, query, w=w) as subscriber:
        await add_item(app, world.editor, world.workspace)
        last = (await subscriber.event())["seq"]
        with monkeypatch.context() as broken:
            broken.setattr(users, "get_users", fail)
            await add_item(app, world.editor, world.workspace, "Hose")
            end = await subscriber.next()
        assert end["data"] is None
        assert [error["extensions"]["code"] for error in end["errors"]] == ["UNAVAILABLE"]
        assert await subscriber.socket.receive() == {"id": "1", "type": "complete"}
    async with subscribed(app, world.viewer.token, query, w=w, after=last) as again:
        event = await again.event()
    assert (event["item"]["title"], event["actor"]) == ("Hose", {"name": "Editor"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("query", [ITEMS, ALONE], ids=["shared", "alone"])
async def test_an_event_leaves_nothing_behind_in_a_subscription_that_goes_on(
    app: FastAPI, world: World, query: str
) -> None:
    app.state.shared_results = SharedResults(app.state.hub.turns, max_bytes=1)

    async def left_behind(subscriber: Subscriber, events: int) -> int:
        for _ in range(events):
            await add_item(app, world.editor, world.workspace)
            await subscriber.event()
        gc.collect()
        return sum(isinstance(thing, FieldDetails) for thing in gc.get_objects())

    async with subscribed(app, world.viewer.token, query, w=str(world.workspace)) as subscriber:
        assert await left_behind(subscriber, 2) == await left_behind(subscriber, 20)
