"""files

Revision: 0016, after 0015.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0016'
down_revision: str | None = '0015'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table('blobs',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('workspace_id', sa.Uuid(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspaces.id'], name=op.f('fk_blobs_workspace_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_blobs')),
    sa.UniqueConstraint('workspace_id', 'sha256', name=op.f('uq_blobs_workspace_id_sha256'))
    )
    op.create_index(op.f('ix_blobs_workspace_id_size'), 'blobs', ['workspace_id', 'size'])
    op.create_table('files',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('workspace_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=True),
    sa.Column('message_id', sa.Uuid(), nullable=True),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('blob_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('media_type', sa.String(length=127), nullable=False),
    sa.Column('declared_media_type', sa.String(length=127), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('name_key', sa.Text().with_variant(sa.Text(collation='C'), 'postgresql'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['blob_id'], ['blobs.id'], name=op.f('fk_files_blob_id')),
    sa.ForeignKeyConstraint(['item_id'], ['items.id'], name=op.f('fk_files_item_id')),
    sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name=op.f('fk_files_message_id')),
    sa.ForeignKeyConstraint(['owner_id'], ['users.id'], name=op.f('fk_files_owner_id')),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspaces.id'], name=op.f('fk_files_workspace_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_files'))
    )
    op.create_index(op.f('ix_files_blob_id'), 'files', ['blob_id'])
    op.create_index(op.f('ix_files_deleted_at'), 'files', ['deleted_at'], sqlite_where=sa.text('deleted_at IS NOT NULL'), postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_index(op.f('ix_files_item_id_created_at_id'), 'files', ['item_id', 'created_at', 'id'])
    op.create_index(op.f('ix_files_message_id_created_at_id'), 'files', ['message_id', 'created_at', 'id'])
    op.create_index(op.f('ix_files_owner_id'), 'files', ['owner_id'])
    op.create_index(op.f('ix_files_workspace_id_created_at_id'), 'files', ['workspace_id', 'created_at', 'id'])
    op.create_index(op.f('ix_files_workspace_id_name_key_id'), 'files', ['workspace_id', 'name_key', 'id'])
    op.create_index(op.f('ix_files_workspace_id_size_id'), 'files', ['workspace_id', 'size', 'id'])


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table('files')
    op.drop_table('blobs')
