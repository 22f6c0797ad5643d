"""Wake-ups over Redis. Apart from the others, as its client is slow to import and needed only with `REDIS_URL`."""

import asyncio
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from api.services.live.bus import BusState, Listener
from db.logs import Log, LogKind

logger = structlog.get_logger("twofold.bus")

RETRY_SECONDS = 0.5
CONNECT_SECONDS = 2.0
HEARTBEAT_SECONDS = 0.5
SILENCE_SECONDS = 3.0


class RedisBus:
    """Redis (or Valkey) pub/sub. Without Redis it keeps trying, and says so once.

    It trusts nothing but its own ears: heartbeats to itself take the way of all wake-ups, and as long
    as it hears them, others hear it and it hears others.
    """

    def __init__(self, url: str, installation: str) -> None:
        # The client's own reconnecting would hide that messages were lost meanwhile.
        self._redis: Redis = Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, retry=Retry(NoBackoff(), retries=0)
        )
        # Never the whole address, which may hold a password.
        self._server = urlsplit(url).netloc.rpartition("@")[2] or urlsplit(url).path
        # Others may use the same Redis, such as a copy of this installation to try things on.
        self._channel = f"twofold:{installation}"
        self._heart = f"{self._channel}:{uuid4()}"
        self._outbox: asyncio.Queue[tuple[str, str]] = asyncio.Queue(maxsize=10_000)
        self._complained = False
        self.state: BusState = "beat"

    async def run(self, listener: Listener) -> None:
        """Receive and send until cancelled, connecting as often as needed."""
        try:
            while True:
                try:
                    await self._serve(listener)
                except* Exception as group:  # noqa: BLE001 - even what answers and is no Redis may be one again
                    self._complain(group.exceptions[0])
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.state = "beat"
            await self._redis.aclose()

    def send_log(self, log: Log, seq: int) -> None:
        """Put the wake-up into the outbox."""
        self._send(f"{log.kind} {log.id} {seq}")

    def send_user(self, user_id: UUID) -> None:
        """Put the wake-up into the outbox."""
        self._send(f"u {user_id}")

    def _send(self, message: str) -> None:
        # While Redis is away nothing is kept: the others live by the beat then, and catch up after.
        if self.state == "redis" and not self._outbox.full():
            self._outbox.put_nowait((self._channel, message))

    async def _serve(self, listener: Listener) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(self._channel, self._heart)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._beat())
                tasks.create_task(self._publish())
                tasks.create_task(self._receive(pubsub, listener))

    async def _beat(self) -> None:
        while True:
            if not self._outbox.full():
                self._outbox.put_nowait((self._heart, "alive"))
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _publish(self) -> None:
        while not _is_cancelled():
            await self._redis.publish(*await self._outbox.get())

    async def _receive(self, pubsub: PubSub, listener: Listener) -> None:
        while not _is_cancelled():
            # A dead peer looks like a silent one; a living one brings at least our own heartbeats.
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await pubsub.get_message(timeout=None)
            if message is None or message["type"] != "message":
                continue
            if message["channel"] != self._heart.encode():
                _deliver(message["data"], listener)
            elif self.state != "redis":
                self._rejoice()
                listener.catch_up()

    def _rejoice(self) -> None:
        if self._complained:
            logger.info("redis answers again")
        self._complained = False
        self.state = "redis"

    def _complain(self, error: BaseException) -> None:
        self.state = "beat"
        if not self._complained:
            surprise = None if isinstance(error, RedisError | OSError | TimeoutError) else error
            logger.warning(
                "redis does not answer; live updates go on at the slow beat",
                server=self._server,
                error=type(error).__name__,
                exc_info=surprise,
            )
        self._complained = True


def _is_cancelled() -> bool:
    """Return whether this task was cancelled, even if what it waited for has swallowed that.

    The client does where its connection breaks at that very moment, and whoever waited for this task would for ever.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _deliver(data: bytes, listener: Listener) -> None:
    """Pass a wake-up on; what somebody else put on the channel is none."""
    try:
        kind, subject, *rest = data.decode().split()
        if kind == "u":
            listener.wake_user(UUID(subject))
        else:
            listener.wake_log(Log(LogKind(kind), UUID(subject)), int(rest[0]))
    except (ValueError, IndexError):
        logger.warning("a message on the channel is not one of ours")
