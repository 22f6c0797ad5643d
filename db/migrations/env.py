"""How Alembic reaches the database: over the connection it was handed."""

from typing import Any, Literal

from alembic import context

from db.models import Base
from db.models.base import JsonObject, UtcDateTime
from db.models.search import is_modelled


def render_item(kind: str, item: object, _context: Any) -> str | Literal[False]:
    """Write our column types as what they are underneath: migrations must not depend on today's models."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return "sa.JSON()" if kind == "type" and isinstance(item, JsonObject) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite cannot alter columns in place; Alembic then copies the table.
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render_item,
    include_object=is_modelled,
)
with context.begin_transaction():
    context.run_migrations()
