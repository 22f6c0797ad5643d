"""Statements are compiled once in a test process, as they are in a server, and not once for each application."""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

_COMPILED: LRUCache[Any, Any] = LRUCache(5000)


class _Shared:
    """What an engine reads its own cache from."""

    def __get__(self, engine: Engine | None, owner: type[Engine]) -> LRUCache[Any, Any]:
        return _COMPILED

    def __set__(self, engine: Engine, value: object) -> None:
        """Take no other."""


def compile_once() -> None:
    """Let all engines share what they compiled; a cache tells the statements of two engines apart by their dialects."""
    Engine._compiled_cache = _Shared()  # type: ignore[assignment]  # a descriptor
    for dialect in (PGDialect_asyncpg, SQLiteDialect_aiosqlite):
        dialect.__eq__ = _are_alike  # type: ignore[method-assign]  # ours
        dialect.__hash__ = _hash_of_kind  # type: ignore[method-assign,assignment]  # ours


def _are_alike(dialect: object, other: object) -> bool:
    return type(dialect) is type(other)


def _hash_of_kind(dialect: object) -> int:
    return hash(type(dialect))
