"""The hub: wakes subscribers, and reads each change once per process however many they are.

A subscriber is a cursor, not a queue. What it has not seen yet is in the ring of its workspace, or,
if it fell behind, in the table. A slow client costs no memory, and misses nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from api.core.actor import SYSTEM
from api.core.errors import INTERNAL, AppError, ErrorCode
from api.core.tally import Tally
from api.services.live.bus import Bus
from api.services.live.rights import end_streams
from api.services.live.ring import MEMORY_PER_LETTER, Ring
from api.services.live.streams import Stream
from db.engine import Database
from db.errors import DatabaseError
from db.repositories import changes, workspaces
from db.unit_of_work import UnitOfWork

logger = structlog.get_logger("twofold.hub")


@dataclass(frozen=True)
class HubOptions:
    """Beats in seconds; the bounds of each workspace's ring; how many changes are read at once.

    A stream whose client is slow holds a page of its own, so that one is short in letters, too.
    """

    beat: float = 5.0
    rights_beat: float = 0.5
    ring_entries: int = 1000
    ring_bytes: int = 8 * 1024 * 1024
    page: int = 200
    stream_page: int = 50
    stream_letters: int = 128 * 1024
    streams_per_user: int = 200


@dataclass
class Channel:
    """What the hub knows about one workspace that somebody watches."""

    ring: Ring
    wanted: int = 0
    streams: set[Stream] = field(default_factory=set)
    filling: asyncio.Task[None] | None = None
    opened: bool = False

    def wake(self) -> None:
        """Let every stream look."""
        for stream in self.streams:
            stream.wake()


class Hub:
    """One per process."""

    def __init__(self, database: Database, bus: Bus, options: HubOptions | None = None) -> None:
        self.database = database
        self.bus = bus
        self.options = options or HubOptions()
        self.channels: dict[UUID, Channel] = {}
        self._tally = Tally(self.options.streams_per_user)
        self._checks = asyncio.Event()
        self._beat_now = asyncio.Event()
        database.on_commit(self._committed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen to the bus and keep the beats for the length of the block."""
        tasks = [asyncio.create_task(work) for work in (self.bus.run(self), self._keep_beat(), self._keep_rights())]
        try:
            yield
        finally:
            for task in [*tasks, *(channel.filling for channel in self.channels.values() if channel.filling)]:
                task.cancel()
            # Where Redis fails at this very moment, its group of tasks swallows the first request to end.
            while (await asyncio.wait(tasks, timeout=1))[1]:
                for task in tasks:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def watching(self, stream: Stream) -> Iterator[Channel]:
        """Give the channel of the stream's workspace; it lives as long as anybody watches.

        Raises:
            AppError: RATE_LIMITED if the user watches too much already.
        """
        if not self._tally.enter(stream.user_id):
            most = self._tally.most
            raise AppError(ErrorCode.RATE_LIMITED, f"You watch too much at once: at most {most} streams.", most=most)
        channel = self.channels.get(stream.workspace_id)
        if channel is None:
            ring = Ring(0, max_entries=self.options.ring_entries, max_bytes=self.options.ring_bytes)
            channel = self.channels[stream.workspace_id] = Channel(ring)
        channel.streams.add(stream)
        try:
            yield channel
        finally:
            channel.streams.discard(stream)
            self._tally.leave(stream.user_id)
            if not channel.streams and self.channels.get(stream.workspace_id) is channel:
                del self.channels[stream.workspace_id]
                if channel.filling is not None:
                    channel.filling.cancel()

    def begin(self, channel: Channel, workspace_id: UUID, seq: int) -> None:
        """Let a new channel's ring begin at a number that was read after the channel began to listen."""
        if not channel.opened:
            channel.opened = True
            channel.ring.restart(seq)
        self.wake_workspace(workspace_id, seq)

    def wake_workspace(self, workspace_id: UUID, seq: int) -> None:
        """Fetch the changes up to this number, once, if anybody watches the workspace."""
        channel = self.channels.get(workspace_id)
        if channel is None:
            return
        channel.wanted = max(channel.wanted, seq)
        behind = channel.opened and channel.wanted > channel.ring.head
        if behind and (channel.filling is None or channel.filling.done()):
            channel.filling = asyncio.create_task(self._fill(workspace_id, channel))

    def wake_user(self, user_id: UUID) -> None:
        """Look at the rights of a user's streams now."""
        if user_id in self._tally:
            self._checks.set()

    def catch_up(self) -> None:
        """Look for changes and at rights now: wake-ups may have been missed."""
        self._beat_now.set()
        self._checks.set()

    def say_goodbye(self) -> None:
        """End the streams that the server would wait for; sockets it closes by itself."""
        for stream in self.streams():
            if stream.is_response:
                stream.end(AppError(ErrorCode.UNAVAILABLE, "The server is stopping. Connect again and resume."))

    def streams(self) -> Iterator[Stream]:
        """Go through all streams of this process."""
        for channel in list(self.channels.values()):
            yield from list(channel.streams)

    def _committed(self, uow: UnitOfWork) -> None:
        for workspace_id, seq in uow.last_seqs.items():
            self.wake_workspace(workspace_id, seq)
            self.bus.send_workspace(workspace_id, seq)
        for user_id in uow.touched_users:
            self.wake_user(user_id)
            self.bus.send_user(user_id)

    async def _fill(self, workspace_id: UUID, channel: Channel) -> None:
        """Read what follows the ring's head and wake the streams, until nothing is missing."""
        try:
            while channel.wanted > channel.ring.head:
                await self._extend(workspace_id, channel)
                channel.wake()
        except DatabaseError:
            # Whoever asks for something meanwhile is told; the next beat tries again.
            return
        except Exception:
            # A row of another version, say: who watches is told, instead of waiting for what never comes.
            logger.exception("changes could not be read", workspace_id=str(workspace_id))
            for stream in channel.streams:
                stream.end(AppError(INTERNAL.code, INTERNAL.message))

    async def _extend(self, workspace_id: UUID, channel: Channel) -> None:
        ring, options = channel.ring, self.options
        # What is heard of from here on counts for itself.
        wanted, channel.wanted = channel.wanted, 0
        if wanted - ring.head > options.ring_entries:
            # Too far behind to be worth it: the streams read the table until they are near.
            ring.restart(wanted - options.ring_entries // 2)
        async with self.database.own_read("changes") as uow:
            # No more than the ring can hold.
            letters = options.ring_bytes // MEMORY_PER_LETTER
            found = await changes.after(
                uow.session, SYSTEM.scope(), workspace_id, ring.head, options.page, letters=letters
            )
            if not found:
                # Not every number that was heard of is one of ours. What is true stands in the table.
                wanted = (await workspaces.heads(uow.session, [workspace_id])).get(workspace_id, 0)
                ring.restart(wanted)
        ring.extend(found)
        channel.wanted = max(channel.wanted, wanted)

    async def _keep_beat(self) -> None:
        """Make up for lost wake-ups: one statement for all watched workspaces."""
        while True:
            await _either(self._beat_now, self.options.beat)
            if self.channels:
                with _unstoppable("beat"):
                    async with self.database.own_read("beat") as uow:
                        heads = await workspaces.heads(uow.session, list(self.channels))
                    for workspace_id, seq in heads.items():
                        self.wake_workspace(workspace_id, seq)

    async def _keep_rights(self) -> None:
        """End the streams whose rights ended: at once in this process and over the bus, else at the beat."""
        while True:
            # Whoever ended a right may itself be cut off from the bus: it is no reason to look less often.
            await _either(self._checks, self.options.rights_beat)
            streams = list(self.streams())
            if streams:
                with _unstoppable("rights"):
                    async with self.database.own_read("rights") as uow:
                        await end_streams(uow, streams)


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but not longer than some seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()


@contextmanager
def _unstoppable(what: str) -> Iterator[None]:
    """Go on whatever happened: all streams of the process live by it. The next beat tries again."""
    try:
        yield
    except DatabaseError:
        # Whoever asks for something meanwhile is told.
        return
    except Exception:
        logger.exception("the hub stumbled", at=what)
