"""Processes with one Redis count together; without it each counts for itself, and nobody is locked out."""

import asyncio

import pytest
from limits import parse
from redis.asyncio import Redis

from api.core import counters
from api.core.counters import Counters
from tests.chaos.live_servers import RedisServer, require_redis_server
from tests.conftest import AppFactory, client_of
from tests.errors.captured_log import captured_log

THREE = parse("3/minute")


async def hits(counter: Counters, count: int) -> list[bool]:
    """Return which of so many hits were still allowed."""
    return [await counter.hit(THREE, "key") is None for _ in range(count)]


async def test_a_window_ends() -> None:
    counter = Counters(None, "test")
    second = parse("1/second")

    assert [await counter.hit(second, "key"), await counter.hit(second, "key")] == [None, 1]
    async with asyncio.timeout(10):
        while await counter.hit(second, "key") is not None:  # noqa: ASYNC110 - only the clock ends it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_all_that_a_process_counts_goes_over_one_connection_as_long_as_one_is_enough(
    make_app: AppFactory,
) -> None:
    require_redis_server()
    redis = RedisServer()
    async with redis.running():
        app = await make_app(redis_url=redis.url, rate_limits=True)
        async with client_of(app) as client, Redis.from_url(redis.url) as other:
            for _ in range(3):
                answer = await client.post("/api/auth/login", json={"email": "a@example.com", "password": "Wrong 1234"})
                assert (answer.status_code, "ratelimit" in answer.headers) == (401, True)
            keys = {str(key).split("/")[1] for key in await other.keys("*")}
            assert {"budget", "password by address"} <= keys
            # Beside it are those of the bus, which publish and listen.
            assert [each["cmd"] for each in await other.client_list()].count("evalsha") == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_redis_counts_for_all_and_may_be_away(make_app: AppFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    require_redis_server()
    monkeypatch.setattr(counters, "AWAY_SECONDS", 0.0)
    monkeypatch.setattr(counters, "REDIS_SECONDS", 0.2)
    redis = RedisServer()
    await make_app()  # For its log.
    with captured_log() as log:
        async with redis.running():
            one, other, foreign = (Counters(redis.url, prefix) for prefix in ("a", "a", "b"))
            assert await hits(one, 2) == [True, True]
            assert await hits(other, 2) == [True, False]
            assert await hits(one, 1) == [False]
            assert await hits(foreign, 1) == [True]
            await other.clear(THREE, "key")
            assert await hits(one, 1) == [True]

            with redis.frozen():
                assert await hits(one, 4) == [True, True, True, False]
        assert await hits(one, 1) == [False]
        assert await hits(other, 4) == [True, True, True, False]

        async with redis.running():
            assert await hits(one, 4) == [True, True, True, False]
            assert await hits(other, 1) == [False]
        for counter in (one, other, foreign):
            await counter.close()
    away = "redis does not answer; each process counts attempts for itself"
    assert [(line["event"], line["level"]) for line in log.lines if line["logger"] == "twofold.counters"] == [
        (away, "warning"),
        (away, "warning"),
        ("redis counts attempts again", "info"),
        ("redis counts attempts again", "info"),
    ]
