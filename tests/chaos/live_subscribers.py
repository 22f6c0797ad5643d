"""Subscribers that are cut off again and again, and resume somewhere else after the last number they saw."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import httpx
from websockets.exceptions import WebSocketException

from tests.chaos.live_plan import Progress
from tests.chaos.live_transports import TRANSPORTS, Entry, Place

RETRY_SECONDS = 0.2
LOST = (httpx.TransportError, WebSocketException, OSError)


class Subscriber:
    """One client, with everything it was ever told."""

    def __init__(self, name: str, transport: str, place: Place, urls: Sequence[str], source: random.Random) -> None:
        self.name = f"{name} by {transport}"
        self.place = place
        self.entries: list[Entry] = []
        self.connections = 0
        self._open: Callable[[Place], AsyncGenerator[Entry, None]] = TRANSPORTS[transport]
        self._urls = urls
        self._random = source
        self._server = source.randrange(len(urls))

    @property
    def last(self) -> int:
        """The last number it saw."""
        return self.entries[-1].seq if self.entries else 0

    async def run(self, progress: Progress, cut_after: int) -> None:
        """Listen until cancelled, here and there."""
        while True:
            events = 1 + int(self._random.expovariate(1 / cut_after))
            try:
                await self._listen(events)
            except LOST:
                # Its server is dead or just coming back.
                await asyncio.sleep(RETRY_SECONDS)
            self._server = (self._server + 1) % len(self._urls)
            if self._random.random() < 0.1:
                # Away for a while, so that there is something to catch up with.
                await progress.reach(progress.made + self._random.randint(1, 2 * cut_after))

    async def _listen(self, events: int) -> None:
        """Take so many events, then hang up; what is on its way is lost."""
        place = self.place.at(self._urls[self._server], self.last, self._random)
        self.connections += 1
        async with aclosing(self._open(place)) as stream:
            async for entry in stream:
                self.entries.append(entry)
                events -= 1
                if not events:
                    return

    def complaint(self, log: Sequence[Entry]) -> str | None:
        """Return what differs between what it was told and the log; None if nothing does."""
        if self.entries == log:
            return None
        pairs = enumerate(zip(self.entries, log, strict=False), 1)
        first = next((f"{told}, not {meant}" for _, (told, meant) in pairs if told != meant), "nothing in common part")
        return f"{self.name}: {len(self.entries)} entries instead of {len(log)}; first difference: {first}"
