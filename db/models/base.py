"""What all tables share: naming, column types, and the columns of what people edit."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import JSON, DateTime, Dialect, Enum, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from db.clock import utc_now


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): unique, and rising with time, which keeps indexes dense."""
    return uuid_utils.compat.uuid7()


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime: `timestamptz` on PostgreSQL, sortable text in UTC on SQLite, which knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What a value is in Python: a `TypeDecorator` does not say so by itself."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; refuse a datetime without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as the base class calls it
        """Return an aware datetime in UTC."""
        if value is None:
            return None
        # PostgreSQL has zones too, but asyncpg stores the first and the last moment of a datetime as
        # -infinity and infinity, and those come back without one.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def same(one: object, other: object) -> bool:
    """Return whether two values of a column are the same.

    JSON objects are compared as text: for Python, True, 1 and 1.0 are equal.
    """
    return json.dumps(one) == json.dumps(other) if isinstance(one, dict) else one == other


class JsonObject(JSON):
    """A JSON object. Not JSONB: what a client stored is what it gets back, 1e20 and key order included."""

    def compare_values(self, x: Any, y: Any) -> bool:
        """Decide whether an assigned object is worth an UPDATE."""
        return same(x, y)


def byte_ordered(type_: String | Text) -> TypeEngine[str]:
    """Return the text type, sorted by code point on both databases whatever the server's locale."""
    return type_.with_variant(type(type_)(type_.length, collation="C"), "postgresql")


def choice(kind: type[StrEnum]) -> Enum:
    """Return the column type of an enumeration, stored as its lower-case value."""
    return Enum(
        kind, native_enum=False, length=20, values_callable=lambda members: [member.value for member in members]
    )


class Base(DeclarativeBase):
    """The declarative base; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime}


def _at_creation(context: Any) -> datetime:
    created: datetime = context.get_current_parameters()["created_at"]
    return created


class Edited:
    """Columns of what people edit. `version` starts at 1 and rises by one with each change."""

    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=_at_creation)
