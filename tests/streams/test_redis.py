"""Redis may be away at the start, go away later and come back: changes arrive either way, and the server says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.main import create_app
from api.schemas.users import UserUpdate
from api.services.live import redis_bus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.users import update_user
from db.engine import Database
from tests.chaos.live_servers import RedisServer, require_redis_server
from tests.chaos.waiting import until
from tests.conftest import AppFactory, client_of, make_settings
from tests.doors.people import World, make_world
from tests.errors.captured_log import CapturedLog, captured_log
from tests.streams.following import following
from tests.streams.transport import PATIENCE_SECONDS
from tests.streams.writing import add_item, last_seq, write

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

AWAY = "redis does not answer; live updates go on at the slow beat"
BACK = "redis answers again"
NEVER = 600.0
"""A beat in seconds that no test waits for: what arrives, arrives by a wake-up."""


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    """A Redis that is not started yet."""
    require_redis_server()
    server = RedisServer()
    yield server
    if server._process is not None:
        await server.stop()


async def ready(app: FastAPI, wake_ups: str) -> None:
    """Wait until `/ready` says how wake-ups travel."""
    async with asyncio.timeout(PATIENCE_SECONDS), client_of(app) as client:
        while True:
            response = await client.get("/ready")
            assert (response.status_code, response.json()["status"]) == (200, "healthy")
            if response.json()["wake_ups"] == wake_ups:
                return
            await asyncio.sleep(0.02)


async def said(log: CapturedLog, *events: str) -> None:
    """Wait until the bus said this; more than this it must never have said."""

    def spoken() -> list[str]:
        return [line["event"] for line in log.lines if line["logger"] == "twofold.bus"]

    async def enough() -> bool:
        return len(spoken()) >= len(events)

    await until(enough)
    assert spoken() == list(events)


async def arrives(app: FastAPI, writer: FastAPI, world: World) -> None:
    """Write on one process and see it on the other (which may be the same)."""
    async with following(app.state.hub, world.viewer.actor, world.workspace) as follower:
        await follower.reach(await last_seq(app, world))
        await add_item(writer, world)
        end = await last_seq(writer, world)
        await follower.reach(end)
        assert follower.seqs == [end]


async def test_the_server_says_once_that_redis_is_away_and_once_that_it_is_back(
    database_url: str, tmp_path: Path, redis: RedisServer
) -> None:
    app = create_app(make_settings(database_url, tmp_path, redis_url=redis.url, live_beat_seconds=NEVER))
    with captured_log() as log:
        async with app.router.lifespan_context(app):
            world = await make_world(app)
            await ready(app, "beat")
            await said(log, AWAY)
            await arrives(app, app, world)
            await redis.start()
            await ready(app, "redis")
            await said(log, AWAY, BACK)
            await arrives(app, app, world)
            await redis.stop()
            await ready(app, "beat")
            await said(log, AWAY, BACK, AWAY)
            await arrives(app, app, world)
            await redis.start()
            await ready(app, "redis")
            await said(log, AWAY, BACK, AWAY, BACK)


async def test_wake_ups_travel_over_redis_and_what_it_lost_is_fetched_when_it_is_back(
    redis: RedisServer, make_app: AppFactory
) -> None:
    await redis.start()
    one, two = [await make_app(redis_url=redis.url, live_beat_seconds=NEVER) for _ in range(2)]
    world = await make_world(one)
    for app in (one, two):
        await ready(app, "redis")
    await arrives(two, one, world)
    begin = await last_seq(two, world)
    async with following(two.state.hub, world.viewer.actor, world.workspace, after=begin) as follower:
        await redis.stop()
        for app in (one, two):
            await ready(app, "beat")
        await add_item(one, world)
        await redis.start()
        await follower.reach(begin + 1)
        for app in (one, two):
            await ready(app, "redis")
        await add_item(one, world)
        await follower.reach(begin + 2)
    assert follower.seqs == [begin + 1, begin + 2]


async def test_without_redis_other_processes_hear_of_changes_and_of_lost_rights_at_the_beat(
    redis: RedisServer, make_app: AppFactory
) -> None:
    one, two = [await make_app(redis_url=redis.url, live_beat_seconds=0.05) for _ in range(2)]
    world = await make_world(one)
    await ready(two, "beat")
    await arrives(two, one, world)
    async with following(two.state.hub, world.viewer.actor, world.workspace) as follower:
        await follower.reach(await last_seq(one, world))
        data = UserUpdate(disabled=True)
        await write(one, update_user, world.administrator.actor, world.viewer.id, data, identity=one.state.identity)
        assert (await follower.ended()).code == "UNAUTHENTICATED"


async def test_lost_rights_travel_over_redis(redis: RedisServer, make_app: AppFactory) -> None:
    await redis.start()
    one, two = [await make_app(redis_url=redis.url, live_beat_seconds=NEVER) for _ in range(2)]
    world = await make_world(one)
    for app in (one, two):
        await ready(app, "redis")
    async with following(two.state.hub, world.viewer.actor, world.workspace) as follower:
        await follower.reach(await last_seq(one, world))
        data = UserUpdate(disabled=True)
        await write(one, update_user, world.administrator.actor, world.viewer.id, data, identity=one.state.identity)
        assert (await follower.ended()).code == "UNAUTHENTICATED"


async def test_wake_ups_of_users_travel_over_redis_and_need_no_beat(redis: RedisServer, make_app: AppFactory) -> None:
    await redis.start()
    app = await make_app(redis_url=redis.url)
    world = await make_world(app)
    await ready(app, "redis")
    settings = app.state.settings
    options = HubOptions(beat=NEVER, rights_beat=NEVER)
    hub = Hub(Database(settings.database_address), redis_bus.RedisBus(redis.url, settings.installation), options)

    async def is_connected() -> bool:
        return hub.bus.state == "redis"

    try:
        async with hub.running():
            await until(is_connected)
            # What it may have missed before it was connected, it has looked for by now.
            async with following(hub, world.viewer.actor, world.viewer.home) as follower:
                await follower.reach(1)
                data = UserUpdate(disabled=True)
                identity = app.state.identity
                await write(app, update_user, world.administrator.actor, world.viewer.id, data, identity=identity)
                assert (await follower.ended()).code == "UNAUTHENTICATED"
    finally:
        await hub.database.dispose()


async def test_a_redis_that_falls_silent_is_noticed_and_what_it_withheld_is_fetched_when_it_speaks_again(
    redis: RedisServer, make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bus, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(redis_bus, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(redis_bus, "CONNECT_SECONDS", 0.5)
    await redis.start()
    one, two = [await make_app(redis_url=redis.url, live_beat_seconds=NEVER) for _ in range(2)]
    world = await make_world(one)
    for app in (one, two):
        await ready(app, "redis")
    begin = await last_seq(two, world)
    async with following(two.state.hub, world.viewer.actor, world.workspace, after=begin) as follower:
        with redis.frozen():
            for app in (one, two):
                await ready(app, "beat")
            await add_item(one, world)
        await follower.reach(begin + 1)
        for app in (one, two):
            await ready(app, "redis")
    await arrives(two, one, world)


async def test_what_answers_and_is_no_redis_is_complained_of_once_and_tried_again(app: FastAPI) -> None:
    visits = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await reader.read(100)
        writer.write(b":nonsense\r\n")
        writer.close()

    async def came_back() -> bool:
        return visits >= 3

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    with captured_log() as log:
        running = asyncio.create_task(redis_bus.RedisBus(address, "test").run(app.state.hub))
        await until(came_back)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    listener.close()
    assert [line["event"] for line in log.lines if line["logger"] == "twofold.bus"] == [AWAY]


async def test_installations_that_share_a_redis_do_not_hear_each_other(
    redis: RedisServer, make_app: AppFactory
) -> None:
    await redis.start()
    secrets = ["one secret that is long enough to sign with", "another secret that is long enough to sign with"]
    one, two = [await make_app(redis_url=redis.url, secret_key=secret) for secret in secrets]
    same = await make_app(redis_url=redis.url, secret_key=secrets[0])
    heard: dict[str, list[UUID]] = {"two": [], "same": []}
    two.state.hub.wake_user = heard["two"].append
    same.state.hub.wake_user = heard["same"].append
    for app in (one, two, same):
        await ready(app, "redis")

    async def has_arrived() -> bool:
        return bool(heard["same"])

    async def has_heard_its_own() -> bool:
        return UUID(int=2) in heard["two"]

    one.state.hub.bus.send_user(UUID(int=1))
    await until(has_arrived)
    # What comes after it over the same connection would not overtake it.
    stranger = await make_app(redis_url=redis.url, secret_key=secrets[1])
    await ready(stranger, "redis")
    stranger.state.hub.bus.send_user(UUID(int=2))
    await until(has_heard_its_own)
    assert heard == {"two": [UUID(int=2)], "same": [UUID(int=1)]}


async def test_without_redis_in_the_settings_there_is_nobody_to_tell(app: FastAPI) -> None:
    await ready(app, "process")


class _Swallowing:
    """A Redis whose connection breaks at the moment at which whoever uses it is told to stop."""

    async def publish(self, *_message: str) -> None:
        """Report nothing of it."""
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(NEVER)

    async def aclose(self) -> None:
        """Close nothing."""


@pytest.mark.usefixtures("app")
async def test_who_sends_ends_even_if_the_connection_does_not_tell_of_it() -> None:
    bus = redis_bus.RedisBus("redis://127.0.0.1:1", "tests")
    await bus._redis.aclose()
    bus._redis = _Swallowing()  # type: ignore[assignment]  # all that is used of one
    bus._outbox.put_nowait(("channel", "message"))
    sending = asyncio.create_task(bus._publish())
    await until(lambda: asyncio.sleep(0, bus._outbox.empty()))
    sending.cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.wait([sending])
