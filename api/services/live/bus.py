"""Wake-ups between processes. They carry a workspace and a number, or a user; nothing else.

A wake-up may be lost: the hub's beat makes up for it. So a bus never stores, and never blocks a writer.
"""

import asyncio
from typing import Literal, Protocol
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

logger = structlog.get_logger("twofold.bus")

CHANNEL = "twofold:wake"
RETRY_SECONDS = 0.5
SILENCE_SECONDS = 5.0
PING_SECONDS = 2.0


class Listener(Protocol):
    """Who is told about wake-ups."""

    def wake_workspace(self, workspace_id: UUID, seq: int) -> None:
        """There are changes up to this number."""

    def wake_user(self, user_id: UUID) -> None:
        """Something about this user's rights may have changed."""

    def catch_up(self) -> None:
        """Wake-ups may have been missed."""


BusState = Literal["process", "redis", "beat"]
"""There is no other process to tell; over Redis; or not at all, so that the beat must do."""


class Bus(Protocol):
    """Tells other processes, and hears from them."""

    @property
    def state(self) -> BusState:
        """How wake-ups travel at present."""

    async def run(self, listener: Listener) -> None:
        """Deliver the wake-ups of others to the listener, until cancelled."""

    def send_workspace(self, workspace_id: UUID, seq: int) -> None:
        """Tell the others that there are changes up to this number."""

    def send_user(self, user_id: UUID) -> None:
        """Tell the others that a user's rights may have changed."""


class LocalBus:
    """The bus of a process that knows of no other: they find changes at the beat."""

    state: BusState = "process"

    async def run(self, listener: Listener) -> None:
        """Deliver nothing."""

    def send_workspace(self, workspace_id: UUID, seq: int) -> None:
        """Tell nobody."""

    def send_user(self, user_id: UUID) -> None:
        """Tell nobody."""


class RedisBus:
    """Redis (or Valkey) pub/sub. Without Redis it keeps trying, and says so once."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url, socket_connect_timeout=PING_SECONDS)
        self._outbox: asyncio.Queue[str] = asyncio.Queue(maxsize=10_000)
        self._complained = False
        self.state: BusState = "beat"

    async def run(self, listener: Listener) -> None:
        """Receive and send until cancelled, connecting as often as needed."""
        try:
            while True:
                try:
                    await self._serve(listener)
                except* (RedisError, OSError, TimeoutError) as group:
                    self._complain(group.exceptions[0])
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.state = "beat"
            await self._redis.aclose()

    def send_workspace(self, workspace_id: UUID, seq: int) -> None:
        """Put the wake-up into the outbox."""
        self._send(f"w {workspace_id} {seq}")

    def send_user(self, user_id: UUID) -> None:
        """Put the wake-up into the outbox."""
        self._send(f"u {user_id}")

    def _send(self, message: str) -> None:
        # While Redis is away nothing is kept: the others live by the beat then, and catch up after.
        if self.state == "redis" and not self._outbox.full():
            self._outbox.put_nowait(message)

    async def _serve(self, listener: Listener) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(CHANNEL)
            await self._redis.ping()
            self._rejoice()
            listener.catch_up()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publish())
                tasks.create_task(self._receive(pubsub, listener))

    async def _publish(self) -> None:
        while True:
            await self._redis.publish(CHANNEL, await self._outbox.get())

    async def _receive(self, pubsub: PubSub, listener: Listener) -> None:
        while True:
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is None:
                # A dead peer looks like a silent one.
                async with asyncio.timeout(PING_SECONDS):
                    await self._redis.ping()
                continue
            _deliver(message["data"], listener)

    def _rejoice(self) -> None:
        if self._complained:
            logger.info("redis answers again")
        self._complained = False
        self.state = "redis"

    def _complain(self, error: BaseException) -> None:
        self.state = "beat"
        if not self._complained:
            logger.warning("redis does not answer; live updates go on at the slow beat", error=type(error).__name__)
        self._complained = True


def _deliver(data: bytes, listener: Listener) -> None:
    """Pass a wake-up on; what somebody else put on the channel is none."""
    try:
        kind, subject, *rest = data.decode().split()
        if kind == "w":
            listener.wake_workspace(UUID(subject), int(rest[0]))
        elif kind == "u":
            listener.wake_user(UUID(subject))
    except (ValueError, IndexError):
        logger.warning("a message on the channel is not one of ours", channel=CHANNEL)
