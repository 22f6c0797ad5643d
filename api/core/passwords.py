"""Password hashes: Argon2id, computed in threads, a few at a time, for a queue that has an end."""

import asyncio
import os
import sys
import threading
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Any, TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from api.core.errors import AppError, ErrorCode, rate_limited
from api.core.hang_ups import current_hang_up

LANES = 4
"""So many threads work on each hash."""


def at_once(processors: int) -> int:
    """Return how many are hashed at once: two, as each takes its memory, but no more than have processors."""
    return max(1, min(2, processors // LANES))


AT_ONCE = at_once(os.cpu_count() or 1)

WAIT_SECONDS = 5.0
"""Nobody waits longer for a turn."""

RETRY_SECONDS = 2

NICENESS = 10
"""A hash uses all processors that it is given; so much more readily they are given to the event loop (nice(1))."""

T = TypeVar("T")


def _stand_back() -> None:
    # On Linux alone a thread has a niceness of its own, which the threads that it starts inherit (setpriority(2)).
    if sys.platform == "linux":
        # Where a sandbox forbids it, hashes are as urgent as all else, and still right.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Passwords:
    """Hashes and verifies passwords off the event loop.

    The defaults are the second recommended option of RFC 9106, section 4: 3 passes over 64 MiB. However a
    keyboard composes its letters, a password is the same (NFC, as RFC 8265, section 4.2 has it).

    So many may wait; `whose` names on whose behalf (an address, an account), and nobody has more than half of
    the queue. What is refused for that is `RATE_LIMITED`, and `UNAVAILABLE` if the queue is full or too slow.
    """

    def __init__(self, *, memory_kib: int = 65536, passes: int = 3, queue: int = 32) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=passes, memory_cost=memory_kib, parallelism=LANES),))
        self._threads = ThreadPoolExecutor(AT_ONCE, "hashing", _stand_back)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._most = queue
        self._waiting = 0
        self._by_name: Counter[str] = Counter()

    async def hash(self, password: str, *, whose: Collection[str] = ()) -> str:
        """Return the salted hash of a password."""
        return await self._run(whose, lambda: self._hasher.hash(_composed(password)))

    async def verify(self, password: str, password_hash: str | None, *, whose: Collection[str] = ()) -> bool:
        """Return whether the password fits. Without a hash it is False, after the same time."""
        return await self._run(whose, lambda: self._verify(password, password_hash))

    @cached_property
    def _decoy(self) -> str:
        """What a password is compared with where there is no account; made at the first sign-in."""
        return self._hasher.hash("no account has this password")

    def _verify(self, password: str, password_hash: str | None) -> bool:
        decoy = self._decoy
        try:
            fits = self._hasher.verify(_composed(password), password_hash or decoy)
        except UnknownHashError:
            return False
        return fits and password_hash is not None

    async def _run(self, whose: Collection[str], work: Callable[[], T]) -> T:
        async with self._place(whose):
            await self._turn()
        # A thread cannot be stopped: the turn lasts until it is done, whoever has gone meanwhile.
        return await asyncio.shield(self._in_thread(work))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._turns.release()

    @asynccontextmanager
    async def _place(self, whose: Collection[str]) -> AsyncIterator[None]:
        """Have a place in the queue for the length of the block."""
        if self._waiting >= self._most:
            raise _busy()
        if any(self._by_name[name] >= max(1, self._most // 2) for name in whose):
            raise rate_limited(RETRY_SECONDS)
        self._waiting += 1
        self._by_name.update(whose)
        try:
            yield
        finally:
            self._waiting -= 1
            self._by_name.subtract(whose)
            self._by_name += Counter()  # Forgets who has none.

    async def _turn(self) -> None:
        """Wait for the turn, unless the client hangs up meanwhile."""
        turn = asyncio.ensure_future(self._turns.acquire())
        gone = current_hang_up()
        waits = [turn, asyncio.ensure_future(gone.wait())] if gone is not None else [turn]
        try:
            await asyncio.wait(waits, timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._give_back(turn)
            raise
        finally:
            for wait in waits[1:]:
                wait.cancel()
        if not turn.done():
            await self._give_back(turn)
            raise _busy()

    async def _give_back(self, turn: "asyncio.Future[Any]") -> None:
        """Wait no more; if the turn came in the same moment, it is the next one's."""
        if not turn.cancel():
            self._turns.release()
        await asyncio.wait([turn])


def _composed(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _busy() -> AppError:
    return AppError(
        ErrorCode.UNAVAILABLE, "Too many people sign in at this moment. Try again soon.", retry_after=RETRY_SECONDS
    )
