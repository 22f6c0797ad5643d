"""two-step sign-in

Revision: 0011, after 0010.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import db.models.base

revision: str = '0011'
down_revision: str | None = '0010'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('two_steps',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('secret', sa.LargeBinary(length=100), nullable=False),
    sa.Column('created_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_step', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_two_steps_user_id')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_two_steps'))
    )
    op.create_table('recovery_codes',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_recovery_codes_user_id')),
    sa.PrimaryKeyConstraint('user_id', 'digest', name=op.f('pk_recovery_codes'))
    )
    op.create_table('sign_in_challenges',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('password_digest', sa.String(length=64), nullable=False),
    sa.Column('expires_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sign_in_challenges_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_challenges'))
    )
    op.create_index(op.f('ix_sign_in_challenges_expires_at'), 'sign_in_challenges', ['expires_at'])
    op.create_index(op.f('ix_sign_in_challenges_user_id'), 'sign_in_challenges', ['user_id'])
    op.add_column('users', sa.Column('two_step_since', db.models.base.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Go back to the revision before. Who had switched it on signs in with the password alone again."""
    op.drop_column('users', 'two_step_since')
    op.drop_table('sign_in_challenges')
    op.drop_table('recovery_codes')
    op.drop_table('two_steps')
