"""The recent changes of logs, in memory."""

import json
from collections import deque
from collections.abc import Sequence
from itertools import islice

from db.repositories.changes import AnyChange

MEMORY_PER_LETTER = 4


class RingMemory:
    """What all rings of a process hold together, bounded: what was used longest ago makes room."""

    def __init__(self, max_bytes: int) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        # In the order of their last use.
        self._rings: dict[Ring, None] = {}

    def use(self, ring: "Ring") -> None:
        """Note that a ring with entries is of use."""
        self._rings.pop(ring, None)
        self._rings[ring] = None

    def forget(self, ring: "Ring") -> None:
        """Note that a ring is empty."""
        self._rings.pop(ring, None)

    def make_room(self) -> None:
        """Drop the oldest entries of the rings that were used longest ago, until the rest fits."""
        while self.bytes > self._max_bytes:
            next(iter(self._rings)).drop_oldest()


class Ring:
    """Holds the last entries of one log without gaps, bounded in number and in size.

    It begins empty at a number: everything up to it must be read from the table.
    """

    def __init__(self, head: int, memory: RingMemory, *, max_entries: int, max_bytes: int) -> None:
        self.head = head
        self._entries: deque[tuple[AnyChange, int]] = deque()
        self._bytes = 0
        self._memory = memory
        self._max_entries = max_entries
        self._max_bytes = max_bytes

    @property
    def floor(self) -> int:
        """The number before the oldest entry: who has seen less is behind the ring."""
        return self.head - len(self._entries)

    def extend(self, changes: Sequence[AnyChange]) -> None:
        """Append the entries that follow the head; those it has already are passed over."""
        for change in changes:
            if change.seq <= self.head:
                continue
            if change.seq > self.head + 1:
                self.restart(change.seq - 1)
            size = _size(change)
            self._entries.append((change, size))
            self._count(size)
            self.head = change.seq
        if self._entries:
            self._memory.use(self)
        while self._entries and (len(self._entries) > self._max_entries or self._bytes > self._max_bytes):
            self.drop_oldest()
        self._memory.make_room()

    def restart(self, head: int) -> None:
        """Forget everything and go on after this number."""
        self._entries.clear()
        self._count(-self._bytes)
        self._memory.forget(self)
        self.head = head

    def drop_oldest(self) -> None:
        """Forget one entry: who has not seen it reads it from the table."""
        self._count(-self._entries.popleft()[1])
        if not self._entries:
            self._memory.forget(self)

    def after(self, seq: int, limit: int, letters: int) -> Sequence[AnyChange] | None:
        """Return entries after a number; None if the ring does not reach back to it.

        At most `limit` of them, and no more than have about so many letters of state; but one at least.
        """
        if seq < self.floor:
            return None
        if seq >= self.head:
            return []
        self._memory.use(self)
        found: list[AnyChange] = []
        for change, size in islice(self._entries, seq - self.floor, seq - self.floor + limit):
            letters -= size // MEMORY_PER_LETTER
            if found and letters < 0:
                break
            found.append(change)
        return found

    def _count(self, size: int) -> None:
        self._bytes += size
        self._memory.bytes += size


def _size(change: AnyChange) -> int:
    """Return roughly what an entry takes in memory: several times its text."""
    text = json.dumps([change.state, change.changed], default=str, ensure_ascii=False)
    return 1000 + MEMORY_PER_LETTER * len(text)
