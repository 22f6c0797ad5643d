"""Two writers side by side: after each lock that one of them takes, it waits for the other to take its next one.

So whatever order two operations take their locks in, both hold their first before either wants its second.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.util import await_only

from db.engine import Database

T = TypeVar("T")

_RACER: ContextVar[int | None] = ContextVar("racer", default=None)

STANDS_SECONDS = 0.02
"""Who takes no lock for so long waits for one, and is waited for no more until it goes on."""


class Lockstep:
    """The steps of two racers."""

    def __init__(self) -> None:
        self.steps = [0, 0]
        self._waits = [False, False]
        self._moved = asyncio.Condition()

    async def race(self, one: Awaitable[T], other: Awaitable[T]) -> list[T]:
        """Let both run to their ends and return their answers."""
        return list(await asyncio.gather(self._run(0, one), self._run(1, other)))

    async def step(self, racer: int) -> None:
        """Note a lock that was taken, and wait for the other racer's."""
        other = 1 - racer
        self.steps[racer] += 1
        self._waits[racer] = False
        async with self._moved:
            self._moved.notify_all()
            if self._waits[other]:
                return
            try:
                async with asyncio.timeout(STANDS_SECONDS):
                    await self._moved.wait_for(lambda: self.steps[other] >= self.steps[racer])
            except TimeoutError:
                self._waits[other] = True

    async def _run(self, racer: int, work: Awaitable[T]) -> T:
        _RACER.set(racer)
        try:
            return await work
        finally:
            self.steps[racer] = 1_000_000
            async with self._moved:
                self._moved.notify_all()


@contextmanager
def in_lockstep(database: Database) -> Iterator[list[Lockstep]]:
    """Let the writers of a database go by the last lockstep of the list."""
    current: list[Lockstep] = []

    def pause(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        racer = _RACER.get()
        locks = not statement.startswith("SELECT") or " FOR NO KEY " in statement or " FOR SHARE" in statement
        if racer is not None and locks and current:
            await_only(current[-1].step(racer))

    engine = database.engines[0].sync_engine
    event.listen(engine, "after_cursor_execute", pause)
    try:
        yield current
    finally:
        event.remove(engine, "after_cursor_execute", pause)
