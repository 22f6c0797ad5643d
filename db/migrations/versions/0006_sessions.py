"""sessions and the security log

Revision: 0006, after 0005.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0006'
down_revision: str | None = '0005'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KINDS = (
    'signed_in', 'sign_in_failed', 'signed_out', 'session_revoked', 'refresh_token_reused', 'password_changed',
    'email_changed', 'role_changed', 'account_disabled', 'account_enabled', 'account_deleted',
)


def upgrade() -> None:
    """Go to this revision. Tokens that were issued before name no session, and end here."""
    op.create_table('sessions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('device', sa.String(length=200), nullable=True),
    sa.Column('address', sa.String(length=45), nullable=True),
    sa.Column('refresh_hash', sa.LargeBinary(length=32), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sessions_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sessions'))
    )
    op.create_index(op.f('ix_sessions_user_id_created_at_id'), 'sessions', ['user_id', 'created_at', 'id'])
    op.create_table('security_events',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.Enum(*KINDS, name='securityeventkind', native_enum=False, length=20), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=True),
    sa.Column('actor', sa.String(length=36), nullable=False),
    sa.Column('address', sa.String(length=45), nullable=True),
    sa.Column('device', sa.String(length=200), nullable=True),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_security_events_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_security_events'))
    )
    op.create_index(op.f('ix_security_events_at_id'), 'security_events', ['at', 'id'])
    op.create_index(op.f('ix_security_events_user_id_at_id'), 'security_events', ['user_id', 'at', 'id'])
    op.drop_column('users', 'token_generation')


def downgrade() -> None:
    """Go back to the revision before."""
    op.add_column('users', sa.Column('token_generation', sa.Integer(), server_default='1', nullable=False))
    op.drop_table('security_events')
    op.drop_table('sessions')
