"""Results kept for sharing: made in turn, bounded in bytes and in time."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from graphql import ExecutionResult, GraphQLError

from api.core.actor import UserActor
from api.core.errors import AppError, forbidden
from api.core.turns import Turns
from api.services.live.streams import Stream
from db.logs import workspace_log
from db.models import UserRole
from graphql_schema.door.shared_results import SharedData, SharedResults
from tests.chaos.waiting import until

ADA, BEN = UUID(int=1), UUID(int=2)


def stream_of(user_id: UUID) -> Stream:
    """Return a stream that is open, as far as results know of streams."""
    nothing: Any = object()
    stream = Stream(nothing, UserActor(user_id, UserRole.MEMBER, UUID(int=9)), workspace_log(UUID(int=9)), 1)
    stream.attach(nothing)
    return stream


def answering(data: Any) -> Callable[[], Coroutine[Any, Any, ExecutionResult]]:
    async def execute() -> ExecutionResult:
        return ExecutionResult(SharedData({"n": data}), None)  # type: ignore[arg-type]  # as the executor does

    return execute


async def ask(results: SharedResults, key: str, user: UUID = ADA, *, since: float | None = None, data: Any = 0) -> str:
    result = await results.get(key, stream_of(user), answering(data), since=since)
    assert isinstance(result.data, SharedData)
    return result.data.json


class Slow:
    """An execution that goes on when it is told to."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> ExecutionResult:
        self.begun.set()
        await self.go_on.wait()
        return await answering("slow")()


@asynccontextmanager
async def asking(*tasks: Coroutine[Any, Any, Any]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Let several ask at once; whoever still waits at the end goes away."""
    running = [asyncio.create_task(task) for task in tasks]
    await asyncio.sleep(0)
    try:
        yield running
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_result_serves_replays_of_those_who_waited_when_it_was_begun() -> None:
    results = SharedResults(Turns(2, 2))
    early = time.monotonic()
    assert await ask(results, "event", data=1) == '{"n":1}'
    assert await ask(results, "event", data=2, since=early) == '{"n":1}'
    assert await ask(results, "event", data=3, since=time.monotonic()) == '{"n":3}'
    assert await ask(results, "event", data=4) == '{"n":3}'
    assert results.executions == 2


async def test_what_is_kept_goes_by_the_clock_even_if_nobody_asks_again() -> None:
    results = SharedResults(Turns(2, 2), keep_seconds=0.01)
    await ask(results, "event")
    assert results._bytes > 0

    async def gone() -> bool:
        return not results._kept

    await until(gone)
    assert (results._bytes, results._making) == (0, {})


async def test_the_clock_of_a_result_that_made_room_does_not_take_its_successor() -> None:
    results = SharedResults(Turns(2, 2), keep_seconds=600)
    await ask(results, "event", data=1)
    first = results._kept["event"]
    await ask(results, "event", since=time.monotonic(), data=2)
    results._expire("event", id(first))
    assert await ask(results, "event", data=3) == '{"n":2}'


async def test_what_is_kept_is_bounded_in_bytes() -> None:
    text = "x" * 1000
    each = sys.getsizeof(SharedData({"n": text}).json)
    results = SharedResults(Turns(2, 2), max_bytes=3 * each)
    for key in "abcde":
        await ask(results, key, data=text)
        assert results._bytes <= 3 * each
    assert (list(results._kept), results._bytes) == (["c", "d", "e"], 3 * each)
    # One that is too long by itself is told, and not kept.
    await ask(results, "f", data=text * 4)
    assert (list(results._kept), results._bytes) == ([], 0)


async def test_an_error_is_not_kept() -> None:
    results = SharedResults(Turns(2, 2))

    async def fail() -> ExecutionResult:
        return ExecutionResult({"n": None}, [GraphQLError("no")])

    async def explode() -> ExecutionResult:
        raise RuntimeError

    assert (await results.get("event", stream_of(ADA), fail)).errors
    with pytest.raises(RuntimeError):
        await results.get("event", stream_of(ADA), explode)
    assert (results._kept, results._making) == ({}, {})
    assert await ask(results, "event", data=1) == '{"n":1}'


async def test_what_nobody_waits_for_any_more_is_never_executed() -> None:
    results, slow = SharedResults(Turns(1, 1)), Slow()
    async with asking(results.get("slow", stream_of(ADA), slow)) as [first]:
        await slow.begun.wait()
        never = Slow()
        async with asking(*(results.get("never", stream_of(ADA), never) for _ in range(2))) as waiting:
            waiting[0].cancel()
            await asyncio.gather(waiting[0], return_exceptions=True)
            assert list(results._making) == ["slow", "never"]
        assert list(results._making) == ["slow"]
        slow.go_on.set()
        assert (await first).data.json == '{"n":"slow"}'
    assert not never.begun.is_set()
    assert await ask(results, "never", data=1) == '{"n":1}'


async def test_who_asks_just_when_the_last_one_goes_away_gets_a_result_all_the_same() -> None:
    results, slow = SharedResults(Turns(1, 1)), Slow()
    async with asking(results.get("slow", stream_of(ADA), slow), ask(results, "event", ADA)) as [_, last]:
        last.cancel()
        async with asking(ask(results, "event", ADA, data=2)) as [late]:
            slow.go_on.set()
            assert await asyncio.wait_for(late, 5) == '{"n":2}'


async def test_who_asks_for_the_same_does_not_wait_behind_what_another_user_lets_wait() -> None:
    results, slow = SharedResults(Turns(2, 1)), Slow()
    async with asking(
        results.get("slow", stream_of(ADA), slow), ask(results, "mine", ADA), ask(results, "shared", ADA, data=1)
    ):
        assert await asyncio.wait_for(ask(results, "shared", BEN, data=2), 5) == '{"n":1}'
        assert list(results._making) == ["slow", "mine"]


async def test_who_waits_for_a_result_is_told_at_once_that_its_right_ended() -> None:
    results, slow, ended = SharedResults(Turns(1, 1)), Slow(), stream_of(ADA)
    async with asking(results.get("slow", stream_of(BEN), slow), results.get("slow", ended, slow)) as [other, task]:
        await slow.begun.wait()
        ended.end(forbidden("Gone."))
        with pytest.raises(AppError) as caught:
            await asyncio.wait_for(task, 5)
        assert caught.value.code == "FORBIDDEN"
        slow.go_on.set()
        assert (await other).data.json == '{"n":"slow"}'


async def test_nothing_is_executed_after_the_end() -> None:
    results, slow = SharedResults(Turns(1, 1)), Slow()
    async with results.running():
        asked = [asyncio.create_task(results.get(key, stream_of(ADA), slow)) for key in ("one", "two")]
        await slow.begun.wait()
    assert results._tasks == set()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
