"""Batches: one field of all rows of one level of a query is read by one call, and so by one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

Load = Callable[[list[UUID]], Awaitable[Sequence[Any]]]

QUIET_TURNS = 3
"""So many turns of the event loop after the last row of a level was completed, its fields have asked."""


class Batches:
    """What the rows of an operation ask for together. Nothing is remembered, so no answer is ever stale."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._asked: dict[object, list[tuple[UUID, asyncio.Future[Any]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: object, load: Load, parent: UUID) -> Any:
        """Return the parent's part of what `load` answers to all who ask under the same key meanwhile."""
        if key not in self._asked:
            self._asked[key] = []
            task = asyncio.create_task(self._answer(key, load))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[key].append((parent, future))
        return await future

    async def _answer(self, key: object, load: Load) -> None:
        await self._level_is_complete()
        asked = [(parent, future) for parent, future in self._asked.pop(key) if not future.done()]
        try:
            parents = list(dict.fromkeys(parent for parent, _ in asked))
            found = dict(zip(parents, await load(parents), strict=True)) if parents else {}
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
        else:
            for parent, future in asked:
                if not future.done():
                    future.set_result(found[parent])

    async def _level_is_complete(self) -> None:
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = 0 if self._is_busy() else quiet + 1
