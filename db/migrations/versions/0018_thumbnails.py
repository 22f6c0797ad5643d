"""thumbnails

Revision: 0018, after 0017.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0018'
down_revision: str | None = '0017'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('thumbnails',
    sa.Column('blob_id', sa.Uuid(), nullable=False),
    sa.Column('workspace_id', sa.Uuid(), nullable=False),
    sa.Column('stored_id', sa.Uuid(), nullable=True),
    sa.Column('parts', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['blob_id'], ['blobs.id'], name=op.f('fk_thumbnails_blob_id')),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspaces.id'], name=op.f('fk_thumbnails_workspace_id')),
    sa.PrimaryKeyConstraint('blob_id', name=op.f('pk_thumbnails')),
    sa.UniqueConstraint('stored_id', name=op.f('uq_thumbnails_stored_id'))
    )
    op.create_index(op.f('ix_thumbnails_workspace_id'), 'thumbnails', ['workspace_id'])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table('thumbnails')
