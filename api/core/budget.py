"""What everybody may have of a server in a while: one budget per caller, at both doors and on sockets together.

It is spent in the units of the GraphQL door's price: the fields of an answer, each as often as it can come. Windows
begin by the clock, the same for all, so that in memory there is nothing to be looked through, or waited for.
"""

import math
from collections import Counter
from dataclasses import dataclass
from time import time

from limits import RateLimitItem

from api.core.attempts import Limited
from api.core.counters import Counters
from api.core.errors import AppError, ErrorCode
from db.turns import Caller

NAME = Limited.BUDGET.value


@dataclass(frozen=True)
class Balance:
    """How a caller stands once something was spent, or refused."""

    limit: int
    window: int
    """Seconds of a window."""
    remaining: int
    reset: int
    """Seconds until the next window begins."""
    is_refused: bool = False

    def refusal(self, cost: int) -> AppError:
        """Return the error for what costs more than remains."""
        rest = f"This costs {cost}, and your budget of {self.limit} has {self.remaining} left."
        if cost > self.limit:
            return AppError(ErrorCode.QUERY_TOO_COMPLEX, rest, limit=NAME, maximum=self.limit, actual=cost)
        again = f"Try again in {self.reset} second{'' if self.reset == 1 else 's'}."
        return AppError(
            ErrorCode.RATE_LIMITED, f"{rest} {again}", limit=NAME, maximum=self.limit, retry_after=self.reset
        )


class _Window:
    """What this process knows of one window."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.spent: Counter[Caller] = Counter()
        self.told: Counter[Caller] = Counter()
        """What events cost that were told."""
        self.owed: Counter[Caller] = Counter()
        """Of that, what is not among what was spent yet."""


class Budget:
    """Keeps the books: in memory without counters, else where those count."""

    def __init__(self, limit: RateLimitItem | None, counters: Counters | None) -> None:
        self._limit = limit
        self._counters = counters
        self._window = _Window(0)

    async def spend(self, caller: Caller, cost: int) -> Balance | None:
        """Spend something unless it is more than remains, which then stays as it was; None if nothing is limited."""
        if self._limit is None:
            return None
        used_up = self.used_up(caller)
        if used_up is not None:
            return used_up
        window, most = self._now(self._limit), self._limit.amount
        owed = window.owed.pop(caller, 0)
        if self._counters is None:
            before = window.spent[caller] + owed
            is_refused = before + cost > most
            spent = window.spent[caller] = before if is_refused else before + cost
        else:
            spent = await self._counters.add(self._limit, owed + cost, NAME, str(caller), f"{window.number}")
            is_refused = spent > most
            if is_refused:
                spent = await self._counters.add(self._limit, -cost, NAME, str(caller), f"{window.number}")
            else:
                # Only now nobody's attempt is in it that is taken back.
                window.spent[caller] = spent
        return self._balance(self._limit, spent, is_refused=is_refused)

    def used_up(self, caller: Caller) -> Balance | None:
        """Return how a caller stands that has nothing left, as far as is known without asking who counts; else None."""
        if self._limit is None:
            return None
        spent = self._now(self._limit).spent[caller]
        return self._balance(self._limit, spent, is_refused=True) if spent >= self._limit.amount else None

    def tell(self, caller: Caller, cost: int) -> None:
        """Count an event that is told to a caller. Nobody is asked and nothing refused; it is spent with what is next.

        As others decide how many events there are, they take no more than half of the budget, in each process.
        """
        if self._limit is None:
            return
        window = self._now(self._limit)
        counted = min(cost, self._limit.amount // 2 - window.told[caller])
        window.told[caller] += counted
        window.owed[caller] += counted

    def owe(self, caller: Caller, cost: int) -> None:
        """Count what a caller had already, such as the bytes of a file; it is spent with what is next."""
        if self._limit is not None:
            window = self._now(self._limit)
            window.owed[caller] = min(window.owed[caller] + cost, self._limit.amount)

    def _now(self, limit: RateLimitItem) -> _Window:
        number = int(time() // limit.get_expiry())
        if self._window.number != number:
            self._window = _Window(number)
        return self._window

    @staticmethod
    def _balance(limit: RateLimitItem, spent: int, *, is_refused: bool) -> Balance:
        seconds = limit.get_expiry()
        return Balance(
            limit.amount, seconds, max(limit.amount - spent, 0), math.ceil(seconds - time() % seconds), is_refused
        )
