"""Turns: whoever works for long leaves the event loop to the others every few milliseconds.

An event loop does one thing at a time, and graphql-core completes whole levels of a query without
ever letting go of it. So executions ask for time before each part of their work. What is left of a
slice goes to whoever asks; then the loop serves everything else that is ready, and the next slice
belongs to the next caller in the queue: one with many operations waits for itself. Some parts cannot
be cut, such as reading a document, so it is measured who held the loop, and for how long. A caller
has an allowance to spend at once, which fills up again; beyond it, it rests after each part.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

SLICE_SECONDS = 0.002

ALLOWANCE_SECONDS = 0.02
"""So long a caller may hold the loop, in slices, as fast as others let it."""

EARNED_PER_SECOND = 0.2
"""So much of its allowance a caller gets back in a second."""

FULL_AGAIN_SECONDS = ALLOWANCE_SECONDS / EARNED_PER_SECOND

MOST_REST_SECONDS = 0.05
"""So long a caller rests at most; else as long as it held the loop. A small request needs it many times, for a
moment each: during a rest it gets on by many of them."""

WOKEN_AT_ONCE = 32
"""So many parts of a caller are woken for a slice: of a crowd, most would find that it is over and wait anew."""

ALONE_AFTER_SECONDS = 1.0
"""Nobody rests for others who were not seen for so long."""


@dataclass(slots=True)
class _Account:
    """What a caller may still spend at once, in seconds, as of a time; and until when it rests."""

    left: float
    at: float
    rests_until: float = 0.0

    def spend(self, held: float, now: float) -> None:
        """Take off how long the loop was held."""
        self.left = min(self.left + (now - self.at) * EARNED_PER_SECOND, ALLOWANCE_SECONDS) - held
        self.at = now
        if self.left < 0:
            self.left = 0.0
            self.rests_until = now + min(held, MOST_REST_SECONDS)


@dataclass(slots=True)
class _Seen:
    """Somebody, and when it last came with a request."""

    caller: Hashable = None
    at: float = -math.inf


class Pace:
    """The time of one event loop, shared among those who work on it."""

    def __init__(self) -> None:
        self._ends: float | None = None
        self._last = self._last_other = _Seen()
        self._accounts: dict[Hashable, _Account] = {}
        self._forgets_at = 0.0
        self._holder: Hashable = None
        self._held_since: float | None = None
        self._waiting: OrderedDict[Hashable, list[asyncio.Future[None]]] = OrderedDict()
        self._giving: asyncio.Handle | None = None

    def greet(self, caller: Hashable) -> None:
        """Note that somebody came with a request: others are considerate of it for a while."""
        if caller != self._last.caller:
            self._last_other, self._last = self._last, _Seen(caller)
        self._last.at = asyncio.get_running_loop().time()

    async def turn(self, caller: Hashable) -> None:
        """Return when there is time for another part of this caller's work."""
        loop = asyncio.get_running_loop()
        while not self._has_time(caller, loop.time()):
            future = loop.create_future()
            self._waiting.setdefault(caller, []).append(future)
            self._plan(loop)
            await future
        self._hold(caller, loop)

    def _has_time(self, caller: Hashable, now: float) -> bool:
        if self._due(caller) > now:
            return False
        if self._ends is None:
            # A slice begins when it is used, however long the loop was busy with others before.
            self._ends = now + SLICE_SECONDS
        return now < self._ends

    def _hold(self, caller: Hashable, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look how long the caller keeps the loop to itself: until it serves somebody else."""
        if self._held_since is None:
            loop.call_soon(self._let_go, loop)
        elif self._holder == caller:
            return
        else:
            self._charge(loop.time())
        self._holder, self._held_since = caller, loop.time()

    def _let_go(self, loop: asyncio.AbstractEventLoop) -> None:
        self._charge(loop.time())
        self._held_since = None

    def _charge(self, now: float) -> None:
        assert self._held_since is not None  # noqa: S101 - somebody has it
        account = self._accounts.get(self._holder)
        if account is None:
            self._forget(now)
            account = self._accounts[self._holder] = _Account(ALLOWANCE_SECONDS, now)
        account.spend(now - self._held_since, now)

    def _forget(self, now: float) -> None:
        """Keep no accounts but of those who spent something lately."""
        if now >= self._forgets_at:
            self._forgets_at = now + FULL_AGAIN_SECONDS
            self._accounts = {
                caller: account for caller, account in self._accounts.items() if now - account.at < FULL_AGAIN_SECONDS
            }

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the next slice when the loop has served what is ready, or when somebody who waits may go on."""
        if self._giving is not None:
            self._giving.cancel()
        due = min(map(self._due, self._waiting))
        if due > loop.time():
            self._giving = loop.call_at(due, self._give, loop)
        else:
            self._giving = loop.call_soon(self._give, loop)

    def _due(self, caller: Hashable) -> float:
        """Return when a caller may go on: after its rest, if there are others."""
        account = self._accounts.get(caller)
        other = self._last if self._last.caller != caller else self._last_other
        return account.rests_until if account and account.at - other.at < ALONE_AFTER_SECONDS else 0.0

    def _give(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the next slice to whoever has waited longest and may go on, and to more that is the same one's."""
        self._giving = None
        now = loop.time()
        ready = next((caller for caller in self._waiting if self._due(caller) <= now), None)
        if ready is not None:
            self._ends = None
            parts = self._waiting.pop(ready)
            for future in parts[:WOKEN_AT_ONCE]:
                if not future.done():
                    future.set_result(None)
            if len(parts) > WOKEN_AT_ONCE:
                self._waiting[ready] = parts[WOKEN_AT_ONCE:]
        if self._waiting:
            self._plan(loop)
