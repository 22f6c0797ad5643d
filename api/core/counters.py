"""Counting by key, so many within a while: in Redis where there is one, for all processes together, else in this one.

A Redis that is away neither locks anybody out nor lifts a limit: this process counts for itself meanwhile.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

logger = structlog.get_logger("twofold.counters")

REDIS_SECONDS = 1.0
"""How long Redis may take to answer."""

AWAY_SECONDS = 5.0
"""How long Redis is left alone after it did not."""

T = TypeVar("T")


class Counters:
    """Counts in windows that begin with the first hit. `prefix` keeps installations on one Redis apart."""

    def __init__(self, redis_url: str | None, prefix: str) -> None:
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._pool: ConnectionPool | None = None
        self._redis: FixedWindowRateLimiter | None = None
        self._troubles: tuple[type[Exception], ...] = ()
        self._away_until: float | None = None
        if redis_url is not None:
            self._use(redis_url, prefix)

    def _use(self, redis_url: str, prefix: str) -> None:
        from redis.asyncio import ConnectionPool  # noqa: PLC0415 - slow to import, and rarely needed
        from redis.asyncio.retry import Retry  # noqa: PLC0415 - as above
        from redis.backoff import NoBackoff  # noqa: PLC0415 - as above
        from redis.exceptions import RedisError  # noqa: PLC0415 - as above

        self._pool = ConnectionPool.from_url(
            redis_url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), retries=0),
        )
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=prefix,
            connection_pool=self._pool,  # type: ignore[arg-type]  # passed on as it is
        )
        self._redis = FixedWindowRateLimiter(storage)
        self._troubles = (RedisError, OSError, TimeoutError)

    async def hit(self, limit: RateLimitItem, *key: str) -> int | None:
        """Count one more. If there were enough already, return in how many seconds there is room again."""

        async def count(counter: FixedWindowRateLimiter) -> int | None:
            if await counter.hit(limit, *key):
                return None
            stats = await counter.get_window_stats(limit, *key)
            return max(1, math.ceil(stats.reset_time - time.time()))

        return await self._ask(count)

    async def add(self, limit: RateLimitItem, amount: int, *key: str) -> int:
        """Count so many more, or less, and return how many there are; the key has to name the window."""

        async def count(counter: FixedWindowRateLimiter) -> int:
            return await counter.storage.incr(limit.key_for(*key), limit.get_expiry(), amount=amount)

        return await self._ask(count)

    async def clear(self, limit: RateLimitItem, *key: str) -> None:
        """Begin anew with a key."""
        await self._ask(lambda counter: counter.clear(limit, *key))

    async def close(self) -> None:
        """Let go of Redis."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def _ask(self, question: Callable[[FixedWindowRateLimiter], Awaitable[T]]) -> T:
        now = asyncio.get_running_loop().time()
        if self._redis is not None and (self._away_until is None or now >= self._away_until):
            try:
                answer = await question(self._redis)
            except self._troubles as error:
                if self._away_until is None:
                    logger.warning(
                        "redis does not answer; each process counts attempts for itself", error=type(error).__name__
                    )
                self._away_until = now + AWAY_SECONDS
            else:
                if self._away_until is not None:
                    logger.info("redis counts attempts again")
                    self._away_until = None
                return answer
        return await question(self._memory)
