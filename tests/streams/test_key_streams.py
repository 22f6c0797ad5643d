"""Streams by API key: over all transports, of the workspaces that the key sees, and no longer than it counts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI

from api.core.actor import Actor, require_user
from api.core.errors import AppError
from api.schemas.api_keys import NewApiKey
from api.services import api_keys
from api.services.auth import authenticate
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.live.streams import open_stream
from db.clock import utc_now
from db.models import KeyAccess
from tests.chaos.waiting import until
from tests.doors.keys import make_key, set_times
from tests.doors.people import World
from tests.streams.test_rights import disable, everywhere, remove, renew
from tests.streams.transport import CHANGES, TRANSPORTS, receive, send, served, socket, watching
from tests.streams.writing import NEVER, add_item, write

ENDED = "The API key was revoked or has expired."


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


async def revoke(app: FastAPI, world: World, key: NewApiKey) -> None:
    await write(app, api_keys.revoke_api_key, world.viewer.actor, key.id)


async def expire(app: FastAPI, _world: World, key: NewApiKey) -> None:
    await set_times(app, key.id, expires_at=timedelta())
    await app.state.hub.look_at_rights()


async def disable_its_user(app: FastAPI, world: World, _key: NewApiKey) -> None:
    await disable(app, world, world.viewer)


async def remove_its_user(app: FastAPI, world: World, _key: NewApiKey) -> None:
    await remove(app, world, world.viewer)


End = Callable[[FastAPI, World, NewApiKey], Awaitable[None]]
ENDS: list[tuple[End, str, str]] = [
    (revoke, "UNAUTHENTICATED", ENDED),
    (expire, "UNAUTHENTICATED", ENDED),
    (disable_its_user, "UNAUTHENTICATED", "The account is disabled."),
    (remove_its_user, "FORBIDDEN", "You are no longer a member of this workspace, or it was deleted."),
]


@pytest.mark.parametrize(("end", "code", "message"), ENDS)
async def test_what_ends_a_key_ends_its_streams_and_no_others(
    app: FastAPI, world: World, url: str, end: End, code: str, message: str
) -> None:
    key = await make_key(app, world.viewer, KeyAccess.READ, world.workspace)
    async with everywhere(url, world, key.key) as streams, everywhere(url, world, world.editor.token) as going_on:
        await add_item(app, world, "Seen")
        assert [(await stream.next()).title for stream in streams] == ["Seen"] * 3
        assert [(await stream.next()).title for stream in going_on] == ["Seen"] * 3
        await end(app, world, key)
        ends = [await stream.end() for stream in streams]
        assert [(one.code, one.message) for one in ends] == [(code, message)] * 3
    assert app.state.hub.channels == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_sessions_and_other_keys_of_a_user_stay_when_one_key_is_revoked(
    app: FastAPI, world: World, url: str
) -> None:
    one, other = [await make_key(app, world.viewer) for _ in range(2)]
    async with (
        everywhere(url, world, one.key) as ending,
        everywhere(url, world, other.key) as staying,
        everywhere(url, world, world.viewer.token) as signed_in,
    ):
        await revoke(app, world, one)
        assert [(await stream.end()).code for stream in ending] == ["UNAUTHENTICATED"] * 3
        await add_item(app, world)
        assert [(await stream.next()).title for stream in [*staying, *signed_in]] == ["Buy seeds"] * 6


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_end_of_a_key_is_told_to_its_streams_and_not_left_to_the_beat(app: FastAPI, world: World) -> None:
    key = await make_key(app, world.viewer)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    actor = await _actor(app, key.key)
    async with hub.running(), open_stream(hub, actor, world.workspace, None) as stream:

        async def has_ended() -> bool:
            return stream._error is not None

        await revoke(app, world, key)
        await until(has_ended)
        assert stream._error is not None
        assert (stream._error.code, stream._error.message) == ("UNAUTHENTICATED", ENDED)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_stream_ends_by_itself_when_its_key_expires(app: FastAPI, world: World) -> None:
    key = await make_key(app, world.viewer)
    actor = require_user(await _actor(app, key.key))
    assert actor.expires_at == key.expires_at
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    soon = replace(actor, expires_at=utc_now() + timedelta(milliseconds=100))
    async with hub.running(), open_stream(hub, soon, world.workspace, None) as stream:
        with pytest.raises(AppError) as caught:
            await anext(stream.changes())
    assert (caught.value.code, caught.value.message) == ("UNAUTHENTICATED", ENDED)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_key_of_one_workspace_watches_no_other(app: FastAPI, world: World, url: str, transport: str) -> None:
    home = await make_key(app, world.viewer, KeyAccess.WRITE, world.viewer.home)
    async with watching(transport, url, home.key, world.workspace) as stream:
        assert (await stream.end()).code == "NOT_FOUND"
    async with watching(transport, url, home.key, world.viewer.home) as stream:
        assert (await stream.next()).kind == "ready"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_socket_is_not_renewed_by_a_key_which_may_see_less(app: FastAPI, world: World, url: str) -> None:
    key = await make_key(app, world.viewer, KeyAccess.WRITE, world.viewer.home)
    async with socket(url, world.viewer.token) as connection:
        assert (await receive(connection))["type"] == "connection_ack"
        payload = {"query": CHANGES, "variables": {"w": str(world.workspace)}}
        await send(connection, type="subscribe", id="1", payload=payload)
        assert (await receive(connection))["payload"]["data"]["changes"]["kind"] == "READY"
        [error] = (await renew(connection, key.key))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        await add_item(app, world)
        assert (await receive(connection))["payload"]["data"]["changes"]["item"] == {"title": "Buy seeds"}


async def _actor(app: FastAPI, key: str) -> Actor:
    async with app.state.database.read() as uow:
        return await authenticate(uow, f"Bearer {key}", identity=app.state.identity)
