"""Wake-ups between processes. They carry a log and a number, or a user; nothing else.

A wake-up may be lost: the hub's beat makes up for it. So a bus never stores, and never blocks a writer.
"""

from typing import Literal, Protocol
from uuid import UUID

from db.logs import Log


class Listener(Protocol):
    """Who is told about wake-ups."""

    def wake_log(self, log: Log, seq: int) -> None:
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

    def send_log(self, log: Log, seq: int) -> None:
        """Tell the others that there are changes up to this number."""

    def send_user(self, user_id: UUID) -> None:
        """Tell the others that a user's rights may have changed."""


class LocalBus:
    """The bus of a process that knows of no other: they find changes at the beat."""

    state: BusState = "process"

    async def run(self, listener: Listener) -> None:
        """Deliver nothing."""

    def send_log(self, log: Log, seq: int) -> None:
        """Tell nobody."""

    def send_user(self, user_id: UUID) -> None:
        """Tell nobody."""
