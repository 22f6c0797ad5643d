"""A stream belongs to one session: it ends with that one, and with no other."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from api.core.actor import require_user
from api.core.errors import AppError
from api.core.identity import Identity
from api.schemas.users import MeUpdate
from api.services import sessions
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.live.streams import open_stream
from api.services.users import update_me
from db.repositories import members
from tests.chaos.waiting import until
from tests.doors.people import PASSWORD, World, sign_in
from tests.streams.test_rights import (
    Revocation,
    everywhere,
    renew,
    sign_out,
    sign_out_elsewhere,
    use_an_old_refresh_token,
)
from tests.streams.transport import CHANGES, receive, send, served, socket
from tests.streams.writing import NEVER, add_item, write


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


async def test_a_new_password_ends_the_streams_of_the_other_sessions_alone(
    app: FastAPI, world: World, url: str
) -> None:
    identity: Identity = app.state.identity
    _, other = await sign_in(app, world.viewer)
    token = identity.tokens.issue(world.viewer.id, other)
    password = {"password": "Another horse 2", "password_confirm": "Another horse 2", "current_password": PASSWORD}
    data = MeUpdate.model_validate(password)
    async with everywhere(url, world, token) as ending, everywhere(url, world, world.viewer.token) as going_on:
        await write(app, update_me, world.viewer.actor, data, identity=identity)
        assert [(await stream.end()).code for stream in ending] == ["UNAUTHENTICATED"] * 3
        await add_item(app, world)
        assert [(await stream.next()).title for stream in going_on] == ["Buy seeds"] * 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_renewed_stream_belongs_to_the_session_of_the_token_that_renewed_it(
    app: FastAPI, world: World, url: str
) -> None:
    _, other = await sign_in(app, world.viewer)
    async with socket(url, world.viewer.token) as connection:
        assert (await receive(connection))["type"] == "connection_ack"
        payload = {"query": CHANGES, "variables": {"w": str(world.workspace)}}
        await send(connection, type="subscribe", id="1", payload=payload)
        assert (await receive(connection))["payload"]["data"]["changes"]["kind"] == "READY"
        assert (await renew(connection, app.state.identity.tokens.issue(world.viewer.id, other)))["data"]
        await sign_out(app, world, world.viewer)
        await app.state.hub.look_at_rights()
        await add_item(app, world)
        assert (await receive(connection))["payload"]["data"]["changes"]["item"] == {"title": "Buy seeds"}
        actor = replace(require_user(world.viewer.actor), session_id=other)
        await write(app, sessions.logout, actor)
        [error] = (await receive(connection))["payload"]["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_stream_that_is_renewed_while_rights_are_looked_at_is_not_judged_by_what_it_was(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, other = await sign_in(app, world.viewer)
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    actor = require_user(world.viewer.actor)
    existing = members.existing
    async with open_stream(hub, actor, world.workspace, None) as stream:

        async def renewing(*arguments: Any) -> Any:
            stream.renew(replace(actor, session_id=other))
            return await existing(*arguments)

        await sign_out(app, world, world.viewer)
        with monkeypatch.context() as patch:
            patch.setattr(members, "existing", renewing)
            await hub.look_at_rights()
        stream.check()
        stream.renew(actor)
        await hub.look_at_rights()
        with pytest.raises(AppError):
            stream.check()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("revoke", [sign_out, sign_out_elsewhere, use_an_old_refresh_token])
async def test_the_end_of_a_session_is_told_to_its_streams_and_not_left_to_the_beat(
    app: FastAPI, world: World, revoke: Revocation
) -> None:
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    async with hub.running(), open_stream(hub, world.viewer.actor, world.workspace, None) as stream:

        async def has_ended() -> bool:
            return stream._error is not None

        await revoke(app, world, world.viewer)
        await until(has_ended)
        with pytest.raises(AppError) as caught:
            stream.check()
    assert caught.value.code == "UNAUTHENTICATED"
