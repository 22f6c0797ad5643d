"""Turns: whoever executes a large operation leaves the event loop to the others every few milliseconds.

An event loop does one thing at a time, and graphql-core completes whole levels of a query without
ever letting go of it. So executions ask for time before each part of their work. What is left of a
slice goes to whoever asks; then the loop serves everything else that is ready, and the next slice
belongs to the next actor in the queue: one with many operations waits for itself.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

SLICE_SECONDS = 0.004

HURRIED_SLICES = 10
"""So many slices an operation gets as fast as others let it; before each further one there is a pause."""

PAUSE_SECONDS = 0.002
"""A small request needs the loop many times, for a moment each: in a pause it gets on by many of them."""


@dataclass(eq=False)
class Work:
    """One operation, and how many slices it had."""

    slices: int = 0


class Pace:
    """The time of one event loop, shared among those who execute on it."""

    def __init__(self) -> None:
        self._ends: float | None = None
        self._waiting: OrderedDict[Hashable, list[tuple[asyncio.Future[None], Work]]] = OrderedDict()

    async def turn(self, actor: Hashable, work: Work) -> None:
        """Return when there is time for another part of this actor's work."""
        while not self._has_time():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            is_first = not self._waiting
            self._waiting.setdefault(actor, []).append((future, work))
            if is_first:
                self._give_soon()
            await future

    def _has_time(self) -> bool:
        now = time.perf_counter()
        if self._ends is None:
            # A slice begins when it is used, however long the loop was busy with others before.
            self._ends = now + SLICE_SECONDS
        return now < self._ends

    def _give_soon(self) -> None:
        """Give the next slice when the loop has served what is ready, or after a pause if only long work waits."""
        loop = asyncio.get_running_loop()
        if all(work.slices > HURRIED_SLICES for _, work in next(iter(self._waiting.values()))):
            loop.call_later(PAUSE_SECONDS, self._give)
        else:
            loop.call_soon(self._give)

    def _give(self) -> None:
        """Give the next slice to whoever has waited longest, together with all that is the same actor's."""
        self._ends = None
        _, waiting = self._waiting.popitem(last=False)
        for work in {work for _, work in waiting}:
            work.slices += 1
        for future, _ in waiting:
            if not future.done():
                future.set_result(None)
        if self._waiting:
            self._give_soon()
