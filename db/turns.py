"""Turns: how many may use the database at once, who waits, and who comes next.

A pool of connections alone serves whoever came first, and one caller who asks for a hundred things at
once makes all others wait for them. Here each key (a caller, or a workspace that is written to) has a line
of its own, a key gets no more than its share, and of those who wait each key is served in rotation.
Whoever waits holds neither connection nor lock.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable
from typing import Any, NamedTuple
from uuid import UUID

from db.errors import DatabaseUnavailableError, TooManyWaitingError

Caller = UUID | str | None
"""On whose account something is done: a user, the address of who did not sign in, or None for Twofold itself."""


class Shared(NamedTuple):
    """The key of something that many use: who has its turn may have to wait inside for a lock held elsewhere."""

    id: UUID


class Turns:
    """Some places, and lines before them; `spare` of them are not for shared keys. Times are in seconds."""

    def __init__(self, places: int, *, each: int, waiting: int, seconds: float, spare: int = 0) -> None:
        self._free = places
        self._free_for_shared = places - spare
        self._each = each
        self._waiting = waiting
        self._seconds = seconds
        self._inside: Counter[Hashable] = Counter()
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._waits: Counter[Caller] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait at present."""
        return sum(len(line) for line in self._lines.values())

    async def enter(self, key: Hashable, caller: Caller) -> None:
        """Wait for the turn of this key. The key None has no share of its own, the caller None may always wait.

        Raises:
            TooManyWaitingError: too much waits for this caller already.
            DatabaseUnavailableError: the turn did not come in time.
        """
        # A place that is free while others wait is one that is not for them.
        if self._admits(key):
            self._let_in(key)
            return
        if caller is not None and self._waits[caller] >= self._waiting:
            raise TooManyWaitingError(self._waiting)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(key, deque()).append(turn)
        self._waits[caller] += 1
        try:
            async with asyncio.timeout(self._seconds):
                # Shielded, for a turn that is given up is not to be given away.
                await asyncio.shield(turn)
        except TimeoutError as error:
            self._step_out(key, turn)
            raise DatabaseUnavailableError("the turn did not come in time") from error
        except asyncio.CancelledError:
            self._step_out(key, turn)
            raise
        finally:
            _subtract(self._waits, caller)

    def leave(self, key: Hashable) -> None:
        """End a turn and let in who comes next."""
        self._free += 1
        self._free_for_shared += isinstance(key, Shared)
        _subtract(self._inside, key)
        following = next((other for other in self._lines if self._admits(other)), _NOBODY)
        if following is not _NOBODY:
            # Back to the end with those who are left: the others come first now.
            line = self._lines.pop(following)
            turn = line.popleft()
            if line:
                self._lines[following] = line
            self._let_in(following)
            turn.set_result(None)

    def _admits(self, key: Hashable) -> bool:
        if isinstance(key, Shared) and self._free_for_shared <= 0:
            return False
        return self._free > 0 and (key is None or self._inside[key] < self._each)

    def _let_in(self, key: Hashable) -> None:
        self._free -= 1
        self._free_for_shared -= isinstance(key, Shared)
        self._inside[key] += 1

    def _step_out(self, key: Hashable, turn: "asyncio.Future[None]") -> None:
        """Wait no longer; a turn that came at this very moment goes to the next."""
        if turn.done():
            self.leave(key)
            return
        line = self._lines[key]
        line.remove(turn)
        if not line:
            del self._lines[key]


def _subtract(counter: Counter[Any], key: Hashable) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


_NOBODY = object()
