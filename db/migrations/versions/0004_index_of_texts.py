"""index of texts

Revision: 0004, after 0003.

Both databases find text in items by its trigrams. SQLite has an index of them that is a table (FTS5); it
holds no text itself, so triggers tell it what to forget. A row's own number may change when the file is
vacuumed, so items get numbers that stay. PostgreSQL has them in an extension that some hosters do not
offer: without it, or the right to create it, nothing is made, and text is looked for in every item.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0004'
down_revision: str | None = '0003'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FORGET = """
    INSERT INTO item_search (item_search, rowid, search_text)
        SELECT 'delete', number, old.search_text FROM item_search_rows WHERE item_id = old.id;
"""
LEARN = """
    INSERT INTO item_search (rowid, search_text)
        SELECT number, new.search_text FROM item_search_rows WHERE item_id = new.id;
"""
SQLITE = (
    "CREATE TABLE item_search_rows (number INTEGER PRIMARY KEY, item_id CHAR(32) NOT NULL UNIQUE)",
    """
    CREATE VIRTUAL TABLE item_search USING fts5 (
        search_text, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1'
    )
    """,
    "INSERT INTO item_search_rows (item_id) SELECT id FROM items",
    """
    INSERT INTO item_search (rowid, search_text)
        SELECT number, search_text FROM item_search_rows JOIN items ON items.id = item_id ORDER BY number
    """,
    f"""
    CREATE TRIGGER item_search_insert AFTER INSERT ON items BEGIN
        INSERT INTO item_search_rows (item_id) VALUES (new.id);
        {LEARN}
    END
    """,
    f"""
    CREATE TRIGGER item_search_update AFTER UPDATE OF search_text ON items WHEN old.search_text <> new.search_text BEGIN
        {FORGET}
        {LEARN}
    END
    """,
    f"""
    CREATE TRIGGER item_search_delete AFTER DELETE ON items BEGIN
        {FORGET}
        DELETE FROM item_search_rows WHERE item_id = old.id;
    END
    """,
)


def upgrade() -> None:
    """Go to this revision."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in SQLITE:
            connection.exec_driver_sql(statement)
        return
    try:
        with connection.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            op.execute("CREATE INDEX ix_items_search_text ON items USING gin (search_text gin_trgm_ops)")
    except sa.exc.DBAPIError:
        return


def downgrade() -> None:
    """Go back to the revision before; the extension may serve others, and stays."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER item_search_{name}")
        op.execute("DROP TABLE item_search")
        op.execute("DROP TABLE item_search_rows")
    else:
        op.execute("DROP INDEX IF EXISTS ix_items_search_text")
