"""an index of the trash

Revision: 0012, after 0011.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0012'
down_revision: str | None = '0011'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_index(
        op.f('ix_items_deleted_at'),
        'items',
        ['deleted_at'],
        unique=False,
        sqlite_where=sa.text('deleted_at IS NOT NULL'),
        postgresql_where=sa.text('deleted_at IS NOT NULL'),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index(op.f('ix_items_deleted_at'), table_name='items')
