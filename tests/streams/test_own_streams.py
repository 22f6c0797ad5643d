"""The stream of one's own log: over all transports, for nobody else, and no longer than its right."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from api.schemas.workspaces import MemberAdd, MemberUpdate
from api.services.members import add_member, remove_member, update_member
from db.models import Role
from tests.conftest import client_of
from tests.doors.keys import make_key
from tests.doors.people import World
from tests.streams.test_rights import sign_out
from tests.streams.transport import TRANSPORTS, Stream, _from_rest, over_rest, served, subscribed
from tests.streams.writing import add_item, write

MINE = """subscription($after: BigInt) { mine(after: $after) {
  seq kind actor { name } entity entityId workspaceId changed
  workspace { id name seq } member { role workspace { name } } invitation { id }
} }"""
INSIDE = """subscription($after: BigInt) { mine(after: $after) {
  seq kind entityId workspace { name members { totalCount } items { nodes { title } } }
} }"""


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


@asynccontextmanager
async def mine(transport: str, url: str, token: str | None, **query: Any) -> AsyncIterator[Stream]:
    """Follow the own log of whoever has the token."""
    if transport != "rest_sse":
        async with subscribed(transport, url, token, MINE, **query) as stream:
            yield stream
        return
    source = over_rest(url, token, "/api/me/stream", {key: value for key, value in query.items() if value is not None})
    try:
        yield Stream(source, _from_rest)
    finally:
        await source.aclose()


@asynccontextmanager
async def everywhere(url: str, token: str | None, **query: Any) -> AsyncIterator[list[Stream]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(mine(one, url, token, **query)) for one in TRANSPORTS]


async def test_what_happens_to_somebody_is_told_at_once_and_again_to_who_resumes_until_the_session_ends(
    app: FastAPI, world: World, url: str
) -> None:
    admin, stranger = world.admin.actor, world.stranger
    async with everywhere(url, stranger.token) as streams:
        assert [(event.seq, event.kind) for event in [await stream.next() for stream in streams]] == [(0, "ready")] * 3
        member = await write(app, add_member, admin, world.workspace, MemberAdd(user_id=stranger.id))
        for stream in streams:
            came, let_in = [await stream.next(), await stream.next()]
            assert [(one.seq, one.kind, one.entity_id) for one in (came, let_in)] == [
                (1, "created", str(world.workspace)),
                (2, "created", str(stranger.id)),
            ]
        data = MemberUpdate(role=Role.VIEWER)
        await write(app, update_member, admin, world.workspace, stranger.id, data)
        assert [(await stream.next()).seq for stream in streams] == [3] * 3
    async with everywhere(url, stranger.token, after=2) as streams:
        socket, sse, rest = [(await stream.next()).raw for stream in streams]
        assert socket == sse
        assert {key: value for key, value in socket.items() if key != "changed"} == {
            "seq": 3,
            "kind": "UPDATED",
            "actor": {"name": "Admin"},
            "entity": "MEMBER",
            "entityId": str(stranger.id),
            "workspaceId": str(world.workspace),
            "workspace": None,
            "member": {"role": "VIEWER", "workspace": {"name": "Garden"}},
            "invitation": None,
        }
        assert (socket["changed"]["role"], rest["data"]["changed"]) == ("editor", socket["changed"])
        assert (rest["data"]["state"]["role"], rest["data"]["state"]["version"]) == ("viewer", member.version + 1)
        await sign_out(app, world, stranger)
        assert [(await stream.end()).code for stream in streams] == ["UNAUTHENTICATED"] * 3
    assert app.state.hub.channels == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_old_entry_shows_nothing_of_what_is_inside_a_workspace_that_was_left(
    app: FastAPI, world: World, url: str
) -> None:
    await add_item(app, world, "Secret")
    await write(app, add_member, world.admin.actor, world.workspace, MemberAdd(user_id=world.stranger.id))
    async with subscribed("socket", url, world.stranger.token, INSIDE, after=0) as stream:
        shown = (await stream.next()).raw["workspace"]
        inside = {"members": {"totalCount": 4}, "items": {"nodes": [{"title": "Secret"}]}}
        assert shown == {"name": "Garden", **inside}
    await write(app, remove_member, world.admin.actor, world.workspace, world.stranger.id)
    async with subscribed("socket", url, world.stranger.token, INSIDE, after=0) as stream:
        shown = (await stream.next()).raw["workspace"]
        outside = {"members": {"totalCount": 0}, "items": {"nodes": []}}
        assert shown == {"name": "Garden", **outside}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nobody_but_a_person_who_is_signed_in_has_one_and_a_ticket_is_for_one_log(
    app: FastAPI, world: World, url: str
) -> None:
    await write(app, add_member, world.admin.actor, world.workspace, MemberAdd(user_id=world.stranger.id))
    key = (await make_key(app, world.stranger)).key
    for token, code in ((key, "FORBIDDEN"), (None, "UNAUTHENTICATED")):
        async with everywhere(url, token, after=0) as streams:
            assert [(await stream.end()).code for stream in streams] == [code] * 3
    async with everywhere(url, world.stranger.token, after=3) as streams:
        assert [(await stream.end()).code for stream in streams] == ["BAD_REQUEST"] * 3
    # To another one the same number means its own log.
    async with everywhere(url, world.administrator.token, after=1) as streams:
        assert [(await stream.end()).code for stream in streams] == ["BAD_REQUEST"] * 3

    async with client_of(app) as client:
        asking = {"Authorization": f"Bearer {world.stranger.token}"}

        async def ticket(**data: Any) -> str:
            answer = await client.post("/api/auth/stream-ticket", json=data, headers=asking)
            text: str = answer.json()["ticket"]
            return text

        own, place = await ticket(mine=True), await ticket(workspace_id=str(world.workspace))
    garden = f"/api/workspaces/{world.workspace}/changes/stream"
    for path, given, good in (("/api/me/stream", own, True), ("/api/me/stream", place, False), (garden, own, False)):
        stream = Stream(over_rest(url, None, path, {"ticket": given, "after": 1}), _from_rest)
        if good:
            assert (await stream.next()).seq == 2
        else:
            assert (await stream.end()).code == "UNAUTHENTICATED"
        await stream.source.aclose()
