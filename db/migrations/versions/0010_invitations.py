"""invitations

Revision: 0010, after 0009.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import db.models.base

revision: str = '0010'
down_revision: str | None = '0009'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('invitations',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('workspace_id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.String(length=254).with_variant(sa.String(length=254, collation='C'), 'postgresql'), nullable=False),
    sa.Column('role', sa.Enum('viewer', 'editor', 'admin', name='role', native_enum=False, length=20), nullable=False),
    sa.Column('inviter_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('letter_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=True),
    sa.ForeignKeyConstraint(['inviter_id'], ['users.id'], name=op.f('fk_invitations_inviter_id')),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspaces.id'], name=op.f('fk_invitations_workspace_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitations')),
    sa.UniqueConstraint('digest', name=op.f('uq_invitations_digest'))
    )
    op.create_index(op.f('ix_invitations_expires_at'), 'invitations', ['expires_at'], unique=False)
    op.create_index(op.f('ix_invitations_email_created_at_id'), 'invitations', ['email', 'created_at', 'id'], unique=False)
    op.create_index(op.f('ix_invitations_workspace_id_email'), 'invitations', ['workspace_id', 'email'], unique=True)
    op.create_index(op.f('ix_invitations_workspace_id_created_at_id'), 'invitations', ['workspace_id', 'created_at', 'id'], unique=False)


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table('invitations')
