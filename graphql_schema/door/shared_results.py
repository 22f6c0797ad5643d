"""Results of events that many subscribers ask for: made once, written once, and kept for a moment."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from typing import Any

from graphql import ExecutionResult

from api.core.turns import Turns
from api.services.live.streams import Stream
from graphql_schema.door.json_text import encode

Execute = Callable[[], Coroutine[Any, Any, ExecutionResult]]


class SharedData:
    """The data of a shared result, as JSON alone: the objects it was made of take many times the memory."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.json = encode(data)


class SharedResult:
    """The result of one event: it waits for its turn, is made, and then given to all who wait for it."""

    def __init__(self, turns: Turns, stream: Stream, execute: Execute) -> None:
        self.place = turns.ask(stream.user_id)
        self.waiting: set[asyncio.Future[ExecutionResult]] = set()
        # When it was begun (monotonic, in seconds): what it shows is not older.
        self.begun: float | None = None
        self.size = 0
        self.task = asyncio.create_task(self._make(execute))

    async def _make(self, execute: Execute) -> ExecutionResult:
        await self.place.begun
        self.begun = time.monotonic()
        return await execute()

    def give_out(self) -> None:
        """Give the result to all who wait, or the reason why there is none."""
        error = None if self.task.cancelled() else self.task.exception()
        for future in self.waiting:
            if future.done():
                continue
            if self.task.cancelled():
                future.cancel()
            elif error is None:
                future.set_result(self.task.result())
            else:
                future.set_exception(error)


class SharedResults:
    """The latest results, bounded in bytes and in time; who comes too late for one executes the event again."""

    def __init__(self, turns: Turns, *, max_bytes: int = 16 * 1024 * 1024, keep_seconds: float = 2.0) -> None:
        self.executions = 0
        self._turns = turns
        self._max_bytes = max_bytes
        self._keep_seconds = keep_seconds
        # Those that are being made, and those that are kept, in the order in which they were finished.
        self._making: dict[Hashable, SharedResult] = {}
        self._kept: dict[Hashable, SharedResult] = {}
        self._bytes = 0
        self._tasks: set[asyncio.Task[ExecutionResult]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Execute for the length of the block; nothing goes on after it, such as a read on a closed database."""
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def get(
        self, key: Hashable, stream: Stream, execute: Execute, *, since: float | None = None
    ) -> ExecutionResult:
        """Return the result under the key, executing once for all who ask meanwhile, and soon after.

        It is made when it is the turn of the first of them. Whoever comes back expects relations as they are
        by then: a replay takes nothing that began before `since`.
        """
        result = self._making.get(key) or self._kept.get(key)
        if result is None or (since is not None and result.begun is not None and result.begun < since):
            result = self._make(key, stream, execute)
        elif result.task.done():
            return result.task.result()
        else:
            self._turns.join(result.place, stream.user_id)
        future: asyncio.Future[ExecutionResult] = asyncio.get_running_loop().create_future()
        result.waiting.add(future)
        try:
            return await stream.hold(future)
        finally:
            result.waiting.discard(future)
            if not result.waiting and result.begun is None:
                # Nobody wants it any more. What has begun comes to its end: that is near, and costs less.
                result.task.cancel()
                self._forget(key, result)

    def _make(self, key: Hashable, stream: Stream, execute: Execute) -> SharedResult:
        self.executions += 1
        result = self._making[key] = SharedResult(self._turns, stream, execute)
        self._tasks.add(result.task)
        result.task.add_done_callback(lambda _: self._finish(key, result))
        return result

    def _finish(self, key: Hashable, result: SharedResult) -> None:
        self._tasks.discard(result.task)
        self._turns.leave(result.place)
        self._forget(key, result)
        result.give_out()
        failed = result.task.cancelled() or result.task.exception() is not None
        data = None if failed else result.task.result().data
        # An error is nothing to keep: who comes next tries again.
        if isinstance(data, SharedData):
            self._drop(key)
            self._kept[key] = result
            result.size = sys.getsizeof(data.json)
            self._bytes += result.size
            asyncio.get_running_loop().call_later(self._keep_seconds, self._expire, key, id(result))
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))

    def _forget(self, key: Hashable, result: SharedResult) -> None:
        if self._making.get(key) is result:
            del self._making[key]

    def _expire(self, key: Hashable, identity: int) -> None:
        if key in self._kept and id(self._kept[key]) == identity:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        result = self._kept.pop(key, None)
        if result is not None:
            self._bytes -= result.size


def encode_shared(message: object) -> str | None:
    """Return the JSON of an answer, or a socket's message, around shared data; None if there is none."""
    if not isinstance(message, dict):
        return None
    if message.get("type") == "next":
        payload = encode_shared(message["payload"])
        return payload and f'{{"id":{json.dumps(message["id"])},"type":"next","payload":{payload}}}'
    data = message.get("data")
    return f'{{"data":{data.json}}}' if isinstance(data, SharedData) else None
