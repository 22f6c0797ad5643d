"""tombstones

Revision: 0005, after 0004.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0005'
down_revision: str | None = '0004'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision. What the logs still know of deleted rows becomes tombstones."""
    op.create_table('tombstones',
    sa.Column('entity_id', sa.Uuid(), nullable=False),
    sa.Column('workspace_id', sa.Uuid(), nullable=False),
    sa.Column('entity', sa.Enum('workspace', 'member', 'item', 'message', name='entitykind', native_enum=False, length=20), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('entity_id', 'workspace_id', 'entity', 'version', name=op.f('pk_tombstones'))
    )
    # What lives again under a lower version is not among them: its next deletion has a tombstone of its own.
    op.execute("""
        INSERT INTO tombstones (entity_id, workspace_id, entity, version)
        SELECT entity_id, workspace_id, entity, max(version) FROM changes AS gone
        WHERE state IS NULL AND entity <> 'workspace'
        AND NOT EXISTS (SELECT 1 FROM items WHERE entity = 'item' AND items.id = entity_id)
        AND NOT EXISTS (SELECT 1 FROM messages WHERE entity = 'message' AND messages.id = entity_id)
        AND NOT EXISTS (
            SELECT 1 FROM members
            WHERE entity = 'member' AND members.workspace_id = gone.workspace_id AND members.user_id = entity_id
        )
        GROUP BY entity_id, workspace_id, entity
    """)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table('tombstones')
