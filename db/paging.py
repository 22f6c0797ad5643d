"""Keyset pages: a page begins after a position, never after a count of rows.

A position is the sort value and the id of a row. Rows that come or go elsewhere cannot move it,
so a walk repeats nothing and misses nothing that stood there throughout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, inspect, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import ExecutableOption

from db.models.base import Base
from db.session import ReadSession

M = TypeVar("M", bound=Base)

Value = datetime | int | str | None
Position = tuple[Value, UUID]


@dataclass(frozen=True)
class Sort(Generic[M]):
    """An order over rows: one column, then the id, both in one direction; rows without a value come last."""

    name: str
    column: InstrumentedAttribute[Any]
    tie: InstrumentedAttribute[UUID]
    descending: bool = False

    def position(self, row: M) -> Position:
        """Return where the row stands in this order."""
        return getattr(row, self.column.key), getattr(row, self.tie.key)

    @property
    def value_type(self) -> type:
        """The Python type of the sort column."""
        kind: type = self.column.type.python_type
        return kind

    @property
    def nullable(self) -> bool:
        """Whether rows may lack the sort value."""
        return bool(self.column.property.columns[0].nullable)

    def order(self, *, backwards: bool) -> list[ColumnElement[Any]]:
        """Return the ORDER BY terms."""
        down = self.descending != backwards
        terms: list[ColumnElement[Any]] = []
        if self.nullable:
            empty = self.column.is_(None)
            terms.append(empty.desc() if backwards else empty.asc())
        terms += [self.column.desc() if down else self.column.asc(), self.tie.desc() if down else self.tie.asc()]
        return terms

    def beyond(self, position: Position, *, backwards: bool) -> ColumnElement[bool]:
        """Return the condition for rows after the position, or before it when `backwards`."""
        value, tie = position
        down = self.descending != backwards
        next_tie = self.tie < tie if down else self.tie > tie
        if value is None:
            tied = and_(self.column.is_(None), next_tie)
            return or_(self.column.is_not(None), tied) if backwards else tied
        next_value = self.column < value if down else self.column > value
        later = or_(next_value, and_(self.column == value, next_tie))
        return or_(later, self.column.is_(None)) if self.nullable and not backwards else later


@dataclass(frozen=True)
class PageRequest(Generic[M]):
    """Which page is wanted. `backwards` takes the last rows before `before` instead of the first after `after`."""

    sort: Sort[M]
    limit: int
    skip: int = 0
    after: Position | None = None
    before: Position | None = None
    backwards: bool = False
    with_total: bool = False


@dataclass(frozen=True)
class Page(Generic[M]):
    """Rows in order, with what lies around them. `total` counts all rows, or is None when not asked for."""

    rows: Sequence[M]
    sort: Sort[M]
    has_next: bool = False
    has_previous: bool = False
    total: int | None = None


@dataclass(frozen=True)
class Nested(Generic[M]):
    """A list of rows per parent: the rows are `statement`'s, a row belongs to the parent in its `parent` column."""

    statement: Select[M]
    parent: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None]
    parents: Sequence[UUID]
    options: Sequence[ExecutableOption] = ()


async def fetch_page(session: ReadSession, statement: Select[M], request: PageRequest[M]) -> Page[M]:
    """Return one page of the rows that the statement selects."""
    found = await session.all(_bounded(statement, request).offset(request.skip or None).limit(request.limit + 1))
    total = await count(session, statement) if request.with_total else None
    return _page(found, request, total)


async def fetch_pages(session: ReadSession, nested: Nested[M], request: PageRequest[M]) -> Mapping[UUID, Page[M]]:
    """Return one page for each parent, all with the same statement. Parents without rows get an empty page."""
    own = nested.statement.where(nested.parent.in_(nested.parents))
    entity = own.column_descriptions[0]["entity"]
    keys = inspect(entity).primary_key
    place = func.row_number().over(partition_by=nested.parent, order_by=request.sort.order(backwards=request.backwards))
    ranked = (
        _bounded(own, request)
        .order_by(None)
        .with_only_columns(*keys, nested.parent.label("parent_"), place.label("place_"))
        .subquery()
    )
    taken = (
        select(entity, ranked.c.parent_)
        .join(ranked, and_(*(key == ranked.c[key.key] for key in keys)))
        .where(ranked.c.place_ <= request.limit + 1)
        .order_by(ranked.c.place_)
        .options(*nested.options)
    )
    found: dict[UUID, list[M]] = {parent: [] for parent in nested.parents}
    for child, parent in await session.rows(taken):
        found[parent].append(child)
    totals = await counts(session, nested) if request.with_total else {}
    return {
        parent: _page(rows, request, totals.get(parent, 0) if request.with_total else None)
        for parent, rows in found.items()
    }


async def count(session: ReadSession, statement: Select[M]) -> int:
    """Return how many rows the statement selects."""
    number = select(func.count()).select_from(statement.order_by(None).subquery())
    # Whatever the statement says about where its tables are holds for its count.
    return await session.one(number.execution_options(**statement.get_execution_options()))


async def counts(session: ReadSession, nested: Nested[M]) -> Mapping[UUID, int]:
    """Return how many rows each parent has; a parent without rows is absent."""
    own = nested.statement.where(nested.parent.in_(nested.parents))
    rows = own.with_only_columns(nested.parent, func.count()).group_by(nested.parent)
    return {parent: number for parent, number in await session.rows(rows) if parent is not None}


def _bounded(statement: Select[M], request: PageRequest[M]) -> Select[M]:
    sort = request.sort
    if request.after is not None:
        statement = statement.where(sort.beyond(request.after, backwards=False))
    if request.before is not None:
        statement = statement.where(sort.beyond(request.before, backwards=True))
    return statement.order_by(*sort.order(backwards=request.backwards))


def _page(found: Sequence[M], request: PageRequest[M], total: int | None) -> Page[M]:
    more = len(found) > request.limit
    rows = list(found[: request.limit])
    if request.backwards:
        rows.reverse()
        return Page(rows, request.sort, request.before is not None, more, total)
    return Page(rows, request.sort, more, request.after is not None or request.skip > 0, total)
