"""One log that somebody watches: its ring, and who is woken when there is news."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from api.core.actor import SYSTEM
from api.core.errors import INTERNAL, AppError
from api.services.live.options import HubOptions
from api.services.live.ring import MEMORY_PER_LETTER, Ring, RingMemory
from db.engine import Database
from db.errors import DatabaseError
from db.logs import Log
from db.repositories import changes

if TYPE_CHECKING:
    from api.services.live.streams import Stream

logger = structlog.get_logger("twofold.hub")


class Channel:
    """Fetches what is new in its log, once for all streams."""

    def __init__(self, log: Log, database: Database, memory: RingMemory, options: HubOptions) -> None:
        self.log = log
        self.ring = Ring(0, memory, max_entries=options.ring_entries, max_bytes=options.ring_bytes)
        self.streams: set[Stream] = set()
        self.filling: asyncio.Task[None] | None = None
        self._database = database
        self._options = options
        self._wanted = 0
        self._opened = False

    def begin(self, seq: int) -> None:
        """Let the ring begin at a number that was read after the channel began to listen."""
        if not self._opened:
            self._opened = True
            self.ring.restart(seq)
        self.want(seq)

    def want(self, seq: int) -> None:
        """Fetch the changes up to this number, once."""
        self._wanted = max(self._wanted, seq)
        behind = self._opened and self._wanted > self.ring.head
        if behind and (self.filling is None or self.filling.done()):
            self.filling = asyncio.create_task(self._fill())

    def close(self) -> None:
        """Let go of everything: nobody watches any more."""
        if self.filling is not None:
            self.filling.cancel()
        self.ring.restart(self.ring.head)

    async def _fill(self) -> None:
        """Read what follows the ring's head and wake the streams, until nothing is missing."""
        try:
            while self._wanted > self.ring.head:
                await self._extend()
                for stream in self.streams:
                    stream.wake()
        except DatabaseError:
            # Whoever asks for something meanwhile is told; the next beat tries again.
            return
        except Exception:
            # A row of another version, say: who watches is told, instead of waiting for what never comes.
            logger.exception("changes could not be read", log=f"{self.log.kind} {self.log.id}")
            for stream in self.streams:
                stream.end(AppError(INTERNAL.code, INTERNAL.message))

    async def _extend(self) -> None:
        ring, options = self.ring, self._options
        # What is heard of from here on counts for itself.
        wanted, self._wanted = self._wanted, 0
        if wanted - ring.head > options.ring_entries:
            # Too far behind to be worth it: the streams read the table until they are near.
            ring.restart(wanted - options.ring_entries // 2)
        async with self._database.own_read("changes") as uow:
            # No more than the ring can hold, and than is read in a moment.
            letters = min(options.page_letters, options.ring_bytes // MEMORY_PER_LETTER)
            found = await changes.following(
                uow.session, SYSTEM.scope(), self.log, ring.head, options.page, letters=letters
            )
            if not found:
                # Not every number that was heard of is one of ours. What is true stands in the table.
                wanted = (await changes.head(uow.session, self.log)).seq
                ring.restart(wanted)
        ring.extend(found)
        self._wanted = max(self._wanted, wanted)
