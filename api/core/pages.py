"""Which page of a list is wanted, as a door parsed it."""

from dataclasses import dataclass
from typing import TypeVar

from api.core.cursors import decode_cursor
from db.models import Base
from db.paging import PageRequest, Sort

M = TypeVar("M", bound=Base)


@dataclass(frozen=True)
class PageArguments:
    """A page by cursors as text; `backwards` takes the last rows before `before`."""

    limit: int
    skip: int = 0
    after: str | None = None
    before: str | None = None
    backwards: bool = False
    with_total: bool = False

    def of(self, sort: Sort[M]) -> PageRequest[M]:
        """Return the request for a page in this order.

        Raises:
            AppError: BAD_REQUEST for a cursor that is not one of this order.
        """
        return PageRequest(
            sort=sort,
            limit=self.limit,
            skip=self.skip,
            after=decode_cursor(sort, self.after) if self.after is not None else None,
            before=decode_cursor(sort, self.before) if self.before is not None else None,
            backwards=self.backwards,
            with_total=self.with_total,
        )
