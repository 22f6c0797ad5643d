"""Taking turns: so much work at once, and the users one after the other."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db.turns import Caller


class Place:
    """Where a piece of work stands: in line for its turn, or at it, at the expense of one user."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.runs_for: tuple[Caller] | None = None


class Turns:
    """Admits so many pieces of work at once, and so many of each user.

    Who waits holds nothing but its place. Free turns go round among the users: however much one of them lets
    wait, the first piece of another comes next.
    """

    def __init__(self, most: int, most_per_user: int) -> None:
        self._most = most
        self._most_per_user = most_per_user
        self._running: Counter[Caller] = Counter()
        # The order of the users is the order in which they are served.
        self._waiting: dict[Caller, deque[Place]] = {}

    def ask(self, user: Caller) -> Place:
        """Return a new place of this user's; its turn has begun when `begun` is done."""
        place = Place()
        self.join(place, user)
        return place

    def join(self, place: Place, user: Caller) -> None:
        """Let a place stand in this user's line, too: whoever is served first brings it on."""
        if not place.begun.done():
            self._waiting.setdefault(user, deque()).append(place)
            self._admit()

    def leave(self, place: Place) -> None:
        """End a turn, or give up a place in line."""
        if place.runs_for is None:
            place.begun.cancel()
            return
        [user], place.runs_for = place.runs_for, None
        self._running[user] -= 1
        if not self._running[user]:
            del self._running[user]
        self._admit()

    @asynccontextmanager
    async def turn(self, user: Caller) -> AsyncIterator[None]:
        """Have a turn for the length of the block, and let the rest of the process go first."""
        place = self.ask(user)
        try:
            await place.begun
            await asyncio.sleep(0)
            yield
        finally:
            self.leave(place)

    def _admit(self) -> None:
        while self._running.total() < self._most:
            for user in self._waiting:
                if self._running[user] < self._most_per_user:
                    break
            else:
                return
            line = self._waiting.pop(user)
            place = line.popleft()
            if line:
                self._waiting[user] = line
            if not place.begun.done():
                place.begun.set_result(None)
                place.runs_for = (user,)
                self._running[user] += 1
