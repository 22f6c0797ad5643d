"""Subscribers for tests: they collect what a stream delivers, and wait for a number with a limit."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

from api.core.actor import Actor
from api.core.errors import AppError
from api.schemas.items import ItemFilter
from api.services.live.events import Event, changes_of, items_of
from api.services.live.hub import Hub
from api.services.live.streams import open_stream

PATIENCE_SECONDS = 10


class Follower:
    """What one subscriber got so far, and how its stream ended."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.error: AppError | None = None
        self._news = asyncio.Condition()

    @property
    def seqs(self) -> list[int]:
        """The numbers of the changes it got."""
        return [event.seq for event in self.events if event.change is not None]

    async def run(self, source: AsyncGenerator[Event, None]) -> None:
        """Collect until the stream ends."""
        try:
            async with aclosing(source) as events:
                async for event in events:
                    async with self._news:
                        self.events.append(event)
                        self._news.notify_all()
        except AppError as error:
            self.error = error
        async with self._news:
            self._news.notify_all()

    async def reach(self, seq: int) -> None:
        """Wait until a number was seen."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: bool(self.events) and self.events[-1].seq >= seq)

    async def ended(self) -> AppError:
        """Wait for the end and return its reason."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: self.error is not None)
        assert self.error is not None
        return self.error


@asynccontextmanager
async def following(
    hub: Hub, actor: Actor, workspace_id: UUID | None, after: int | None = None, where: ItemFilter | None = None
) -> AsyncIterator[Follower]:
    """Follow a workspace or a view of it, or without one the own log, for the length of the block."""
    follower = Follower()
    async with open_stream(hub, actor, workspace_id, after) as stream:
        source = changes_of(stream) if where is None else items_of(stream, where)
        task = asyncio.create_task(follower.run(source))
        try:
            yield follower
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
