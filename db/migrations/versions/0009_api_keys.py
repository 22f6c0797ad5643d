"""API keys

Revision: 0009, after 0008.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import db.models.base

revision: str = '0009'
down_revision: str | None = '0008'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('api_keys',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('access', sa.Enum('read', 'write', name='keyaccess', native_enum=False, length=20), nullable=False),
    sa.Column('workspace_id', sa.Uuid(), nullable=True),
    sa.Column('starts_with', sa.String(length=12), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('created_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_used_at', db.models.base.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_api_keys_user_id')),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspaces.id'], name=op.f('fk_api_keys_workspace_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_keys')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_keys_digest'))
    )
    op.create_index(op.f('ix_api_keys_expires_at'), 'api_keys', ['expires_at'])
    op.create_index(op.f('ix_api_keys_user_id_created_at_id'), 'api_keys', ['user_id', 'created_at', 'id'])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table('api_keys')
