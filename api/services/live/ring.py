"""The recent changes of one workspace, in memory."""

import json
from collections import deque
from collections.abc import Sequence
from itertools import islice

from db.models import Change

MEMORY_PER_LETTER = 4


class Ring:
    """Holds the last entries of a log without gaps, bounded in number and in size.

    It begins empty at a number: everything up to it must be read from the table.
    """

    def __init__(self, head: int, *, max_entries: int, max_bytes: int) -> None:
        self.head = head
        self._entries: deque[tuple[Change, int]] = deque()
        self._bytes = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes

    @property
    def floor(self) -> int:
        """The number before the oldest entry: who has seen less is behind the ring."""
        return self.head - len(self._entries)

    def extend(self, changes: Sequence[Change]) -> None:
        """Append the entries that follow the head; those it has already are passed over."""
        for change in changes:
            if change.seq <= self.head:
                continue
            if change.seq > self.head + 1:
                self.restart(change.seq - 1)
            size = _size(change)
            self._entries.append((change, size))
            self._bytes += size
            self.head = change.seq
        while self._entries and (len(self._entries) > self._max_entries or self._bytes > self._max_bytes):
            self._bytes -= self._entries.popleft()[1]

    def restart(self, head: int) -> None:
        """Forget everything and go on after this number."""
        self._entries.clear()
        self._bytes = 0
        self.head = head

    def after(self, seq: int, limit: int, letters: int) -> Sequence[Change] | None:
        """Return entries after a number; None if the ring does not reach back to it.

        At most `limit` of them, and no more than have about so many letters of state; but one at least.
        """
        if seq < self.floor:
            return None
        if seq >= self.head:
            return []
        found: list[Change] = []
        for change, size in islice(self._entries, seq - self.floor, seq - self.floor + limit):
            letters -= size // MEMORY_PER_LETTER
            if found and letters < 0:
                break
            found.append(change)
        return found


def _size(change: Change) -> int:
    """Return roughly what an entry takes in memory: several times its text."""
    text = json.dumps([change.state, change.changed], default=str, ensure_ascii=False)
    return 1000 + MEMORY_PER_LETTER * len(text)
