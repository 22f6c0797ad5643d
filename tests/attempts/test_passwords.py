"""Passwords are hashed as many at a time as there are processors for, in a queue that has an end."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.core import passwords
from api.core.errors import AppError
from api.core.hang_ups import hang_up
from api.core.passwords import AT_ONCE, NICENESS, Passwords, at_once
from tests.chaos.waiting import until
from tests.conftest import AppFactory
from tests.connections.wire import post, wire
from tests.streams.transport import served


class Held(Passwords):
    """Passwords whose hashing takes until it is let go."""

    def __init__(self, queue: int) -> None:
        super().__init__(memory_kib=32, queue=queue)
        self.go = threading.Event()
        self.begun = 0

    def _verify(self, password: str, password_hash: str | None) -> bool:  # noqa: ARG002 - as the real one
        self.begun += 1
        self.go.wait(30)
        return True


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    """A queue of four, behind as many as are hashed at once, which take their time."""
    held = Held(4)
    running = [asyncio.create_task(held.verify("", None)) for _ in range(AT_ONCE)]
    await until(lambda: _is(held.begun == AT_ONCE))
    yield held
    held.go.set()
    assert await asyncio.gather(*running) == [True] * AT_ONCE


async def _is(value: bool) -> bool:
    return value


async def queued(held: Held, count: int, **more: Any) -> list["asyncio.Task[bool]"]:
    """Begin so many more, which wait."""
    before = held._waiting
    tasks = [asyncio.create_task(held.verify("", None, **more)) for _ in range(count)]
    await until(lambda: _is(held._waiting == before + count))
    return tasks


async def refusal(held: Held, **more: Any) -> tuple[str, dict[str, Any]]:
    with pytest.raises(AppError) as caught:
        await held.verify("", None, **more)
    return caught.value.code, caught.value.details


@pytest.mark.parametrize(("processors", "hashes"), [(1, 1), (2, 1), (7, 1), (8, 2), (64, 2)])
def test_hashes_leave_processors_to_others(processors: int, hashes: int) -> None:
    assert at_once(processors) == hashes


async def test_the_queue_has_an_end(held: Held) -> None:
    tasks = await queued(held, 4)

    assert await refusal(held) == ("UNAVAILABLE", {"retry_after": 2})
    held.go.set()
    assert await asyncio.gather(*tasks) == [True] * 4
    assert await held.verify("", None)
    assert (held.begun, held._waiting) == (AT_ONCE + 5, 0)


async def test_nobody_has_more_than_half_of_it(held: Held) -> None:
    tasks = await queued(held, 2, whose=("ada", "192.0.2.1"))

    assert await refusal(held, whose=("ada", "192.0.2.2")) == ("RATE_LIMITED", {"retry_after": 2})
    assert await refusal(held, whose=("bob", "192.0.2.1")) == ("RATE_LIMITED", {"retry_after": 2})
    tasks += await queued(held, 2, whose=("bob", "192.0.2.2"))
    held.go.set()
    assert await asyncio.gather(*tasks) == [True] * 4
    assert not held._by_name


async def test_nobody_waits_for_long(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.05)

    assert await refusal(held) == ("UNAVAILABLE", {"retry_after": 2})
    assert (held.begun, held._waiting) == (AT_ONCE, 0)


async def test_who_is_gone_or_cancelled_has_no_place_and_takes_no_turn(held: Held) -> None:
    gone = asyncio.Event()
    with hang_up(gone):
        [hung_up] = await queued(held, 1)
    [cancelled] = await queued(held, 1)
    [waiting] = await queued(held, 1)

    gone.set()
    cancelled.cancel()
    ends = await asyncio.gather(hung_up, cancelled, return_exceptions=True)

    assert [type(end) for end in ends] == [AppError, asyncio.CancelledError]
    assert held._waiting == 1
    held.go.set()
    assert await waiting
    assert held.begun == AT_ONCE + 1
    assert held._turns._value == AT_ONCE


async def test_a_turn_that_comes_in_the_moment_of_a_cancellation_is_the_next_ones() -> None:
    queue = Passwords(memory_kib=32)
    for _ in range(AT_ONCE):
        await queue._turns.acquire()
    task = asyncio.create_task(queue.verify("", None))
    await until(lambda: _is(queue._waiting == 1))

    queue._turns.release()
    task.cancel()

    assert [type(end) for end in await asyncio.gather(task, return_exceptions=True)] == [asyncio.CancelledError]
    assert queue._turns._value == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/api/auth/login", "/graphql"])
async def test_a_client_that_hangs_up_gives_its_place_to_others(
    make_app: AppFactory, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 600.0)
    app: FastAPI = await make_app(password_queue=2)
    queue: Passwords = app.state.identity.passwords
    for _ in range(AT_ONCE):
        await queue._turns.acquire()
    login = b'{"email": "ada@example.com", "password": "x"}'
    mutation = b'{"query": "mutation { login(input: {email: \\"a@b.c\\", password: \\"x\\"}) { accessToken } }"}'
    async with served(app) as url:
        async with wire(url) as connection:
            await connection.send(post(path, mutation if path == "/graphql" else login))
            await until(lambda: _is(queue._waiting == 1))
        await until(lambda: _is(queue._waiting == 0))

        for _ in range(AT_ONCE):
            queue._turns.release()
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.post("/api/auth/login", json={"email": "ada@example.com", "password": "x"})
        assert answer.status_code == 401


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux alone")
async def test_a_hash_stands_back_behind_the_event_loop() -> None:
    class Asked(Passwords):
        def _verify(self, password: str, password_hash: str | None) -> bool:  # noqa: ARG002 - as the real one
            return niceness() == niceness_of_the_loop + NICENESS

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    niceness_of_the_loop = niceness()
    assert await Asked().verify("", None)
    assert niceness() == niceness_of_the_loop


async def test_who_gives_up_leaves_the_turn_to_others_only_when_the_thread_is_done() -> None:
    held = Held(4)
    first = [asyncio.create_task(held.verify("", None)) for _ in range(AT_ONCE)]
    await until(lambda: _is(held.begun == AT_ONCE))
    for task in first:
        task.cancel()
    await asyncio.wait(first)
    [second] = await queued(held, 1)
    held.go.set()
    assert await second
    assert held.begun == AT_ONCE + 1


async def test_a_sandbox_that_forbids_to_stand_back_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbidden)
    queue = Passwords(memory_kib=32)
    assert await queue.verify("right", await queue.hash("right"))


async def test_a_thread_that_cannot_be_started_takes_no_turn_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    queue = Passwords(memory_kib=32)
    with monkeypatch.context() as patched:
        patched.setattr(queue._threads, "submit", exhausted)
        for _ in range(AT_ONCE):
            with pytest.raises(RuntimeError, match="can't start"):
                await queue.hash("right")
    assert await queue.verify("right", await queue.hash("right"))
