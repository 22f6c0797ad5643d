"""own logs

Revision: 0015, after 0014.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0015'
down_revision: str | None = '0014'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('own_logs',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('last_seq', sa.BigInteger(), nullable=False),
    sa.Column('trimmed_seq', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_own_logs'))
    )
    op.create_table('own_changes',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('workspace_id', sa.Uuid(), nullable=False),
    sa.Column('entity', sa.Enum('workspace', 'member', 'invitation', name='ownentitykind', native_enum=False, length=20), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.Enum('created', 'updated', 'deleted', 'restored', name='changekind', native_enum=False, length=20), nullable=False),
    sa.Column('entity_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('changed', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('user_id', 'seq', name=op.f('pk_own_changes'))
    )
    op.create_index(op.f('ix_own_changes_workspace_id'), 'own_changes', ['workspace_id'])
    op.add_column('users', sa.Column('membership_mails', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column('users', 'membership_mails')
    op.drop_table('own_changes')
    op.drop_table('own_logs')
