"""identities of a sign-in provider

Revision: 0014, after 0013.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import db.models.base

revision: str = '0014'
down_revision: str | None = '0013'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('provider_identities',
    sa.Column('issuer', sa.String(length=500).with_variant(sa.String(length=500, collation='C'), 'postgresql'), nullable=False),
    sa.Column('subject', sa.String(length=255).with_variant(sa.String(length=255, collation='C'), 'postgresql'), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_provider_identities_user_id')),
    sa.PrimaryKeyConstraint('issuer', 'subject', name=op.f('pk_provider_identities')),
    sa.UniqueConstraint('user_id', 'issuer', name=op.f('uq_provider_identities_user_id_issuer'))
    )
    op.create_table('used_oidc_sign_ins',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('expires_at', db.models.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_used_oidc_sign_ins'))
    )
    op.create_index(op.f('ix_used_oidc_sign_ins_expires_at'), 'used_oidc_sign_ins', ['expires_at'])


def downgrade() -> None:
    """Go back to the revision before. Who has no password chooses one by mail."""
    op.drop_table('used_oidc_sign_ins')
    op.drop_table('provider_identities')
