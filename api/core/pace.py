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

SLICE_SECONDS = 0.004


class Pace:
    """The time of one event loop, shared among those who execute on it."""

    def __init__(self) -> None:
        self._ends: float | None = None
        self._waiting: OrderedDict[Hashable, list[asyncio.Future[None]]] = OrderedDict()

    async def turn(self, actor: Hashable) -> None:
        """Return when there is time for another part of this actor's work."""
        while not self._has_time():
            loop = asyncio.get_running_loop()
            if not self._waiting:
                loop.call_soon(self._give)
            future = loop.create_future()
            self._waiting.setdefault(actor, []).append(future)
            await future

    def _has_time(self) -> bool:
        now = time.perf_counter()
        if self._ends is None:
            # A slice begins when it is used, however long the loop was busy with others before.
            self._ends = now + SLICE_SECONDS
        return now < self._ends

    def _give(self) -> None:
        """Give the next slice to whoever has waited longest, together with all that is the same actor's."""
        self._ends = None
        _, futures = self._waiting.popitem(last=False)
        for future in futures:
            if not future.done():
                future.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._give)
