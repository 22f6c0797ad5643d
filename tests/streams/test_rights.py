"""Streams end when their right ends, over every transport, on every process; and not a moment is lost by it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from api.core.actor import Anonymous, require_user
from api.core.errors import AppError
from api.core.identity import Identity
from api.core.tokens import LEEWAY, Tokens
from api.schemas.sessions import SessionRefresh
from api.schemas.users import UserUpdate
from api.schemas.workspaces import MemberAdd
from api.services import access, sessions
from api.services.live.streams import open_stream
from api.services.members import add_member, remove_member
from api.services.users import delete_user, update_user
from api.services.workspaces import delete_workspace
from db.models import Role
from tests.chaos.waiting import until
from tests.conftest import AppFactory, client_of
from tests.databases import REDIS, require_redis
from tests.doors.people import Person, World, make_person, make_world, sign_in
from tests.live import serve
from tests.streams.transport import (
    CHANGES,
    TRANSPORTS,
    Stream,
    StreamEnd,
    receive,
    send,
    served,
    socket,
    watching,
)
from tests.streams.writing import NEVER, add_item, last_seq, write


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


@asynccontextmanager
async def everywhere(url: str, world: World, token: str, after: int | None = None) -> AsyncIterator[Sequence[Stream]]:
    """Watch over all transports at once; without a number, they are live."""
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(watching(transport, url, token, world.workspace, after=after))
            for transport in TRANSPORTS
        ]
        if after is None:
            assert {(await stream.next()).kind for stream in streams} == {"ready"}
        yield streams


async def disable(app: FastAPI, world: World, person: Person) -> None:
    data = UserUpdate(disabled=True)
    await write(app, update_user, world.administrator.actor, person.id, data, identity=app.state.identity)


async def delete(app: FastAPI, world: World, person: Person) -> None:
    await write(app, delete_user, world.administrator.actor, person.id)


async def change_password(app: FastAPI, world: World, person: Person) -> None:
    data = UserUpdate.model_validate({"password": "Another horse 2", "password_confirm": "Another horse 2"})
    await write(app, update_user, world.administrator.actor, person.id, data, identity=app.state.identity)


async def remove(app: FastAPI, world: World, person: Person) -> None:
    await write(app, remove_member, world.admin.actor, world.workspace, person.id)


async def delete_the_workspace(app: FastAPI, world: World, _person: Person) -> None:
    await write(app, delete_workspace, world.admin.actor, world.workspace)


async def sign_out(app: FastAPI, _world: World, person: Person) -> None:
    await write(app, sessions.logout, person.actor)


async def sign_out_elsewhere(app: FastAPI, _world: World, person: Person) -> None:
    _, other = await sign_in(app, person)
    actor = replace(require_user(person.actor), session_id=other)
    await write(app, sessions.revoke_all_sessions, actor)


async def use_an_old_refresh_token(app: FastAPI, _world: World, person: Person) -> None:
    identity: Identity = app.state.identity
    data = SessionRefresh.model_validate({"refresh_token": identity.refresh_tokens.first(person.session).text})
    with pytest.raises(AppError):
        await write(app, sessions.refresh_session, Anonymous(), data, identity=identity)


Revocation = Callable[[FastAPI, World, Person], Awaitable[None]]
REVOCATIONS: list[tuple[Revocation, str, str]] = [
    (disable, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (delete, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (change_password, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (sign_out, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (sign_out_elsewhere, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (use_an_old_refresh_token, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (remove, "FORBIDDEN", "NOT_FOUND"),
    (delete_the_workspace, "FORBIDDEN", "NOT_FOUND"),
]


@pytest.mark.parametrize(("revoke", "code", "afterwards"), REVOCATIONS)
async def test_what_ends_a_right_ends_the_streams_over_all_transports(
    app: FastAPI, world: World, url: str, revoke: Revocation, code: str, afterwards: str
) -> None:
    begin = await last_seq(app, world)
    async with everywhere(url, world, world.viewer.token) as streams:
        await revoke(app, world, world.viewer)
        ends = [await stream.end() for stream in streams]
    assert [end.code for end in ends] == [code] * 3
    assert all("Garden" not in end.message and not end.details for end in ends)
    async with everywhere(url, world, world.viewer.token, after=begin) as streams:
        assert [(await stream.end()).code for stream in streams] == [afterwards] * 3
    assert app.state.hub.channels == {}


async def test_nothing_that_comes_after_the_end_of_a_right_is_told_not_even_to_who_is_behind(
    app: FastAPI, world: World, url: str
) -> None:
    before = await last_seq(app, world)
    async with everywhere(url, world, world.viewer.token, after=before - 1) as streams:
        for stream in streams:
            assert (await stream.next()).seq == before
        await remove(app, world, world.viewer)
        await add_item(app, world, "Secret")
        assert [(await stream.end()).code for stream in streams] == ["FORBIDDEN"] * 3


async def test_who_is_let_in_again_resumes_without_loss(app: FastAPI, world: World, url: str) -> None:
    before = await last_seq(app, world)
    async with everywhere(url, world, world.viewer.token) as streams:
        await remove(app, world, world.viewer)
        assert [(await stream.end()).code for stream in streams] == ["FORBIDDEN"] * 3
    await add_item(app, world)
    data = MemberAdd(user_id=world.viewer.id, role=Role.VIEWER)
    await write(app, add_member, world.admin.actor, world.workspace, data)
    async with everywhere(url, world, world.viewer.token, after=before) as streams:
        replayed = [[event.seq for event in await stream.until(before + 3)] for stream in streams]
        await add_item(app, world)
        live = [(await stream.next()).seq for stream in streams]
    assert replayed == [[before + 1, before + 2, before + 3]] * 3
    assert live == [before + 4] * 3


def brief_token(app: FastAPI, person: Person) -> str:
    """Return a token that lasts two more seconds."""
    tokens: Tokens = app.state.identity.tokens
    issued = datetime.now(UTC) - tokens.lifetime + timedelta(seconds=2) - LEEWAY
    return tokens.issue(person.id, person.session, now=issued)


async def renew(connection: Any, token: str) -> Any:
    document = "mutation($token: String!) { renewStream(token: $token) { expiresAt } }"
    await send(connection, type="subscribe", id="renew", payload={"query": document, "variables": {"token": token}})
    answer = await receive(connection)
    assert (answer["type"], answer["id"]) == ("next", "renew")
    assert await receive(connection) == {"type": "complete", "id": "renew"}
    return answer["payload"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_token_that_expires_ends_its_streams_unless_the_same_user_renews_them(
    app: FastAPI, world: World, url: str
) -> None:
    token = brief_token(app, world.viewer)
    subscription = {"query": CHANGES, "variables": {"w": str(world.workspace)}}
    async with (
        everywhere(url, world, token) as streams,
        socket(url, token) as renewed,
        socket(url, token) as usurped,
    ):
        for connection in (renewed, usurped):
            assert (await receive(connection))["type"] == "connection_ack"
            await send(connection, type="subscribe", id="1", payload=subscription)
            assert (await receive(connection))["payload"]["data"]["changes"]["kind"] == "READY"
        assert (await renew(renewed, world.viewer.token))["data"]["renewStream"]["expiresAt"].endswith("Z")
        [error] = (await renew(usurped, world.editor.token))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        [error] = (await renew(usurped, "nonsense"))["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"

        assert [(await stream.end()).code for stream in streams] == ["UNAUTHENTICATED"] * 3
        last = (await receive(usurped))["payload"]
        assert last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        await add_item(app, world)
        event = await receive(renewed)
    assert event["payload"]["data"]["changes"]["item"] == {"title": "Buy seeds"}


@pytest.mark.parametrize(
    ("database_url", "redis"), [("sqlite", None), ("postgresql", REDIS)], indirect=["database_url"]
)
async def test_rights_that_end_on_one_process_end_the_streams_of_another(
    make_app: AppFactory, database_url: str, redis: str | None, tmp_path: Path
) -> None:
    if redis:
        require_redis()
    app = await make_app(redis_url=redis)
    world = await make_world(app)
    guest = await make_person(app, "guest")
    await write(app, add_member, world.admin.actor, world.workspace, MemberAdd(user_id=guest.id, role=Role.VIEWER))
    other: dict[str, Any] = {"REDIS_URL": redis} if redis else {}
    async with serve(database_url, tmp_path, **other) as server:
        for person, revoke, code in (
            (world.viewer, remove, "FORBIDDEN"),
            (world.editor, disable, "UNAUTHENTICATED"),
            (guest, sign_out, "UNAUTHENTICATED"),
            (world.admin, delete_the_workspace, "FORBIDDEN"),
        ):
            async with everywhere(server.url, world, person.token) as streams:
                await revoke(app, world, person)
                ends: list[StreamEnd] = [await stream.end() for stream in streams]
            assert [end.code for end in ends] == [code] * 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_right_ended_by_a_process_that_the_bus_does_not_reach_ends_streams_all_the_same(
    make_app: AppFactory,
) -> None:
    require_redis()
    cut_off, app = await make_app(), await make_app(redis_url=REDIS, live_beat_seconds=NEVER)
    world = await make_world(cut_off)
    async with served(app) as url, everywhere(url, world, world.viewer.token) as streams:

        async def relies_on_redis() -> bool:
            return bool(app.state.hub.bus.state == "redis")

        await until(relies_on_redis)
        await disable(cut_off, world, world.viewer)
        assert [(await stream.end()).code for stream in streams] == ["UNAUTHENTICATED"] * 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nobody_takes_over_a_socket_that_was_opened_by_somebody_else_or_by_nobody(
    app: FastAPI, world: World, url: str
) -> None:
    async with socket(url, None) as nobodys, socket(url, world.editor.token) as somebodys:
        for connection in (nobodys, somebodys):
            assert (await receive(connection))["type"] == "connection_ack"
            [error] = (await renew(connection, world.viewer.token))["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("revoke", "document"),
    [
        (disable, "query($w: UUID!) { workspace(id: $w) { name } }"),
        (change_password, 'mutation($w: UUID!) { createItem(input: {workspaceId: $w, title: "No"}) { id } }'),
    ],
)
async def test_who_opened_a_socket_is_asked_for_anew_with_each_operation(
    app: FastAPI, world: World, url: str, revoke: Revocation, document: str
) -> None:
    async def ask(connection: Any, number: int) -> Any:
        payload = {"query": document, "variables": {"w": str(world.workspace)}}
        await send(connection, type="subscribe", id=f"{number}", payload=payload)
        answer = await receive(connection)
        if answer["type"] == "error":
            return {"errors": answer["payload"]}
        assert await receive(connection) == {"type": "complete", "id": f"{number}"}
        return answer["payload"]

    async with socket(url, world.editor.token) as connection:
        assert (await receive(connection))["type"] == "connection_ack"
        assert "errors" not in await ask(connection, 1)
        await revoke(app, world, world.editor)
        before = await last_seq(app, world)
        [error] = (await ask(connection, 2))["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert await last_seq(app, world) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_a_slow_client_has_not_taken_yet_is_not_told_after_the_end_of_its_right(
    app: FastAPI, world: World
) -> None:
    begin = await last_seq(app, world)
    for _ in range(3):
        await add_item(app, world)
    async with open_stream(app.state.hub, world.viewer.actor, world.workspace, begin) as stream:
        changes = stream.changes()
        assert (await anext(changes)).seq == begin + 1
        await disable(app, world, world.viewer)

        async def has_ended() -> bool:
            return stream._error is not None

        await until(has_ended)
        with pytest.raises(AppError) as caught:
            await anext(changes)
    assert caught.value.code == "UNAUTHENTICATED"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_renewal_reaches_a_stream_that_is_just_being_opened(
    app: FastAPI, world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    see, opening, go_on = access.see, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        workspace = await see(*arguments)
        opening.set()
        await go_on.wait()
        return workspace

    monkeypatch.setattr(access, "see", slow)
    token = brief_token(app, world.viewer)

    async def has_expired() -> bool:
        async with client_of(app) as client:
            headers = {"Authorization": f"Bearer {token}"}
            return (await client.get("/api/users/me", headers=headers)).status_code == 401

    async with socket(url, token) as connection:
        assert (await receive(connection))["type"] == "connection_ack"
        payload = {"query": CHANGES, "variables": {"w": str(world.workspace)}}
        await send(connection, type="subscribe", id="1", payload=payload)
        await opening.wait()
        assert (await renew(connection, world.viewer.token))["data"]
        go_on.set()
        assert (await receive(connection))["payload"]["data"]["changes"]["kind"] == "READY"
        await until(has_expired)
        await add_item(app, world)
        assert (await receive(connection))["payload"]["data"]["changes"]["item"] == {"title": "Buy seeds"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_there_is_nothing_to_renew_without_a_socket(app: FastAPI, world: World) -> None:
    document = "mutation($token: String!) { renewStream(token: $token) { expiresAt } }"
    async with client_of(app) as client:
        response = await client.post(
            "/graphql",
            json={"query": document, "variables": {"token": world.viewer.token}},
            headers={"Authorization": f"Bearer {world.viewer.token}"},
        )
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["BAD_REQUEST"]
