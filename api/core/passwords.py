"""Password hashes: Argon2id, computed in threads, a few at a time."""

from functools import cached_property

import anyio
import anyio.to_thread
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher


class Passwords:
    """Hashes and verifies passwords off the event loop.

    The defaults are the second recommended option of RFC 9106, section 4: 3 passes over 64 MiB.
    """

    def __init__(self, *, memory_kib: int = 65536, passes: int = 3) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=passes, memory_cost=memory_kib, parallelism=4),))
        # Each hash takes the memory above; two at once bound it and leave the processor to others.
        self._limit: anyio.CapacityLimiter | None = None

    async def hash(self, password: str) -> str:
        """Return the salted hash of a password."""
        return await anyio.to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter())

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the password fits. Without a hash it is False, after the same time."""
        return await anyio.to_thread.run_sync(self._verify, password, password_hash, limiter=self._limiter())

    @cached_property
    def _decoy(self) -> str:
        """What a password is compared with where there is no account; made at the first sign-in."""
        return self._hasher.hash("no account has this password")

    def _verify(self, password: str, password_hash: str | None) -> bool:
        decoy = self._decoy
        try:
            fits = self._hasher.verify(password, password_hash or decoy)
        except UnknownHashError:
            return False
        return fits and password_hash is not None

    def _limiter(self) -> anyio.CapacityLimiter:
        if self._limit is None:
            self._limit = anyio.CapacityLimiter(2)
        return self._limit
