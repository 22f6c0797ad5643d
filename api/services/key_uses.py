"""When API keys were last used: noted beside the requests that use them, which do not wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

from api.core.api_keys import KeyGrant
from db.clock import utc_now
from db.engine import Database
from db.errors import DatabaseError
from db.repositories import api_keys

EVERY = timedelta(minutes=1)
"""A key that is used all the time is written about so often and no more, however many processes it is used at."""


class KeyUses:
    """One per process. A use that is lost with the process is noted at the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writing: dict[UUID, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Finish at the end of the block what was begun in it."""
        try:
            yield
        finally:
            await self.finish()

    def note(self, user_id: UUID, key: KeyGrant) -> None:
        """Note that a user's key is in use, unless it was noted a moment ago or is just being noted."""
        is_known = key.last_used_at is not None and utc_now() - key.last_used_at < EVERY
        if is_known or key.id in self._writing:
            return
        task = self._writing[key.id] = asyncio.create_task(self._write(user_id, key.id))
        task.add_done_callback(lambda _: self._writing.pop(key.id))

    async def finish(self) -> None:
        """Wait until all is written that was noted."""
        await asyncio.gather(*self._writing.values())

    async def _write(self, user_id: UUID, key_id: UUID) -> None:
        # The next use finds it still to be noted.
        with suppress(DatabaseError):
            async with self._database.write(user_id) as uow:
                now = utc_now()
                await api_keys.note_use(uow.session, key_id, now, unless_after=now - EVERY)
