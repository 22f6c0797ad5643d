"""The hub: wakes subscribers, and reads each change once per process however many they are.

A subscriber is a cursor, not a queue. What it has not seen yet is in the ring of its log, or,
if it fell behind, in the table. A slow client costs no memory, and misses nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar
from uuid import UUID

import structlog

from api.core.errors import AppError, ErrorCode
from api.core.pace import Pace
from api.core.turns import Turns
from api.services.live.bus import Bus
from api.services.live.channel import Channel
from api.services.live.options import HubOptions
from api.services.live.rights import end_streams
from api.services.live.ring import RingMemory
from api.services.live.streams import Stream
from db.engine import Database
from db.errors import DatabaseError
from db.logs import Log, account_log, workspace_log
from db.repositories import changes
from db.unit_of_work import UnitOfWork

T = TypeVar("T")

logger = structlog.get_logger("twofold.hub")


class Hub:
    """One per process."""

    def __init__(
        self, database: Database, bus: Bus, options: HubOptions | None = None, pace: Pace | None = None
    ) -> None:
        self.database = database
        self.bus = bus
        self.options = options or HubOptions()
        self.pace = pace or Pace()
        self.turns = Turns(self.options.turns, self.options.turns_per_user)
        self.channels: dict[Log, Channel] = {}
        self._memory = RingMemory(self.options.rings_bytes)
        self._by_user: dict[UUID, set[Stream]] = {}
        self._suspects: set[UUID] = set()
        self._suspicion = asyncio.Event()
        self._beat_now = asyncio.Event()
        self._rights_now = asyncio.Event()
        database.on_commit(self._committed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen to the bus and keep the beats for the length of the block."""
        works = (self.bus.run(self), self._keep_beat(), self._keep_rights(), self._follow_suspicion())
        tasks = [asyncio.create_task(work) for work in works]
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
        """Give the channel of the stream's log; it lives as long as anybody watches.

        Raises:
            AppError: RATE_LIMITED if the user watches too much already, in number or in cost; QUERY_TOO_COMPLEX
                for what costs too much all by itself.
        """
        own = self._by_user.get(stream.user_id, set())
        self._check_limits(stream, own)
        self._by_user[stream.user_id] = own
        own.add(stream)
        channel = self.channels.get(stream.log)
        if channel is None:
            channel = Channel(stream.log, self.database, self._memory, self.options)
            self.channels[stream.log] = channel
        channel.streams.add(stream)
        try:
            yield channel
        finally:
            own.discard(stream)
            if not own:
                del self._by_user[stream.user_id]
            channel.streams.discard(stream)
            if not channel.streams:
                del self.channels[stream.log]
                channel.close()

    def _check_limits(self, stream: Stream, own: set[Stream]) -> None:
        most, most_cost = self.options.streams_per_user, self.options.cost_per_user
        if len(own) >= most:
            raise AppError(ErrorCode.RATE_LIMITED, f"You watch too much at once: at most {most} streams.", most=most)
        cost = stream.cost + sum(other.cost for other in own)
        if cost > most_cost:
            too_much = ErrorCode.QUERY_TOO_COMPLEX if stream.cost > most_cost else ErrorCode.RATE_LIMITED
            message = f"You watch too much at once: an event in all your streams costs {cost}, at most {most_cost}."
            raise AppError(too_much, message, limit="cost", maximum=most_cost, actual=cost)

    def wake_log(self, log: Log, seq: int) -> None:
        """Fetch the changes up to this number, once, if anybody watches the log."""
        channel = self.channels.get(log)
        if channel is not None:
            channel.want(seq)

    def wake_user(self, user_id: UUID) -> None:
        """Look at the rights of a user's streams now."""
        if user_id in self._by_user:
            self._suspects.add(user_id)
            self._suspicion.set()

    def catch_up(self) -> None:
        """Look for changes and at rights now: wake-ups may have been missed."""
        self._beat_now.set()
        self._rights_now.set()

    def say_goodbye(self) -> None:
        """End the streams that the server would wait for; sockets it closes by itself."""
        for stream in self.streams():
            if stream.is_response:
                stream.end(AppError(ErrorCode.UNAVAILABLE, "The server is stopping. Connect again and resume."))

    def streams(self) -> Iterator[Stream]:
        """Go through all streams of this process."""
        for own in list(self._by_user.values()):
            yield from list(own)

    def _committed(self, uow: UnitOfWork) -> None:
        told = {workspace_log(workspace_id): seq for workspace_id, seq in uow.last_seqs.items()}
        told |= {account_log(user_id): seq for user_id, seq in uow.own_seqs.items()}
        for log, seq in told.items():
            self.wake_log(log, seq)
            self.bus.send_log(log, seq)
        for user_id in uow.touched_users:
            self.wake_user(user_id)
            self.bus.send_user(user_id)

    async def look_for_changes(self) -> None:
        """Make up for lost wake-ups."""
        for piece in _pieces(list(self.channels), self.options.piece):
            with _unstoppable("beat"):
                async with self.database.own_read("beat") as uow:
                    heads = await changes.heads(uow.session, piece)
                for log, seq in heads.items():
                    self.wake_log(log, seq)

    async def look_at_rights(self) -> None:
        """End all streams whose right ended."""
        await self._judge(list(self.streams()))

    async def _keep_beat(self) -> None:
        while True:
            await _either(self._beat_now, self.options.beat)
            await self.look_for_changes()

    async def _keep_rights(self) -> None:
        while True:
            # Whoever ended a right may itself be cut off from the bus: it is no reason to look less often.
            await _either(self._rights_now, self.options.rights_beat)
            await self.look_at_rights()

    async def _follow_suspicion(self) -> None:
        """End the streams of those whose rights ended, at once: in this process, or on another that told so."""
        while True:
            await self._suspicion.wait()
            self._suspicion.clear()
            suspects, self._suspects = self._suspects, set()
            await self._judge([stream for user_id in suspects for stream in self._by_user.get(user_id, ())])

    async def _judge(self, streams: Sequence[Stream]) -> None:
        for piece in _pieces(streams, self.options.piece):
            with _unstoppable("rights"):
                async with self.database.own_read("rights") as uow:
                    await end_streams(uow, piece)


def _pieces(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a list into pieces, so that the work on it is short, and fails for a few at most."""
    return (things[start : start + size] for start in range(0, len(things), size))


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
        # Whatever it is: the hub is everybody's, and goes on with the next beat.
        logger.exception("the hub stumbled", at=what)
