"""done requests

Revision: 0008, after 0007.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import db.models.base

revision: str = '0008'
down_revision: str | None = '0007'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('done_requests',
    sa.Column('caller', sa.String(length=64), nullable=False),
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('answer', db.models.base.JsonObject(), nullable=True),
    sa.Column('at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('caller', 'key', name=op.f('pk_done_requests'))
    )
    op.create_index(op.f('ix_done_requests_at'), 'done_requests', ['at'], unique=False)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index(op.f('ix_done_requests_at'), table_name='done_requests')
    op.drop_table('done_requests')
