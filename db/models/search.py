"""The index that finds text in items. It is no model: each database has one of its own kind, made by a migration."""

from typing import Any

from db.models.jobs import JOB_TABLES

INDEX = "item_search"
"""On SQLite a table of FTS5, which keeps others behind it whose names begin with its own."""

_POSTGRESQL_INDEX = "ix_items_search_text"


def is_modelled(_item: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Return whether the models describe this part of a database; to be Alembic's `include_object`."""
    if kind == "table":
        return not (name or "").startswith(INDEX) and name not in JOB_TABLES
    return name != _POSTGRESQL_INDEX
