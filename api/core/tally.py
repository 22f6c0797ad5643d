"""Counting what each user has open at once, up to a limit."""

from collections import Counter
from uuid import UUID


class Tally:
    """What is open in this process, by user; all who did not sign in count as one."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._open: Counter[UUID | None] = Counter()

    def enter(self, user_id: UUID | None) -> bool:
        """Count one more, unless the user has as many as allowed already."""
        if self._open[user_id] >= self.most:
            return False
        self._open[user_id] += 1
        return True

    def leave(self, user_id: UUID | None) -> None:
        """Count one less."""
        self._open[user_id] -= 1
        if not self._open[user_id]:
            del self._open[user_id]

    def __contains__(self, user_id: UUID) -> bool:
        """Return whether the user has anything open."""
        return user_id in self._open
