"""What everybody may have of a server in a while: one budget per caller, at both doors and on sockets together.

It is spent in the units of the GraphQL door's price: the fields of an answer, each as often as it can come. Windows
begin by the clock, the same for all, so that in memory there is nothing to be looked through, or waited for.
"""

import math
from collections import Counter
from dataclasses import dataclass
from time import time
from typing import NamedTuple

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


class _Window(NamedTuple):
    number: int
    spent: Counter[Caller]


class Budget:
    """Keeps the books: in memory without counters, else where those count."""

    def __init__(self, limit: RateLimitItem | None, counters: Counters | None) -> None:
        self._limit = limit
        self._counters = counters
        self._window = _Window(0, Counter())

    async def spend(self, caller: Caller, cost: int) -> Balance | None:
        """Spend something unless it is more than remains, which then stays as it was; None if nothing is limited."""
        if self._limit is None:
            return None
        most, seconds = self._limit.amount, self._limit.get_expiry()
        number, begun = divmod(time(), seconds)
        if self._counters is None:
            spent, is_refused = self._in_memory(int(number), caller, cost, most)
        else:
            spent, is_refused = await self._counted(self._counters, f"{int(number)}", caller, cost, self._limit)
        return Balance(most, seconds, max(most - spent, 0), math.ceil(seconds - begun), is_refused)

    async def close(self) -> None:
        """Let go of what counts."""
        if self._counters is not None:
            await self._counters.close()

    def _in_memory(self, number: int, caller: Caller, cost: int, most: int) -> tuple[int, bool]:
        if self._window.number != number:
            self._window = _Window(number, Counter())
        spent = self._window.spent[caller]
        if spent + cost > most:
            return spent, True
        self._window.spent[caller] = spent + cost
        return spent + cost, False

    @staticmethod
    async def _counted(
        counters: Counters, number: str, caller: Caller, cost: int, limit: RateLimitItem
    ) -> tuple[int, bool]:
        spent = await counters.add(limit, cost, NAME, str(caller), number)
        if spent <= limit.amount:
            return spent, False
        return await counters.add(limit, -cost, NAME, str(caller), number), True
